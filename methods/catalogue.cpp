#include "methods/catalogue.h"

#include <algorithm>

#include "core/error.h"
#include "methods/masks/scorer_names.h"
#include "methods/option_checks.h"
#include "methods/options.h"

namespace automask::methods {
namespace {

const MethodInfo& info_of(const core::JsonCursor& method) {
  std::vector<std::string> names;
  for (const MethodInfo& info : method_infos()) {
    if (info.name == method.string()) return info;
    names.push_back(info.name);
  }
  method.fail("unknown method \"" + method.string() + "\"", core::suggestion(method.string(), names));
}

// An option that another method has deserves a better sentence than "unknown key".
void refuse_foreign_options(const core::JsonCursor& cursor, const MethodInfo& info) {
  for (const std::string& key : cursor.keys()) {
    if (std::find(info.options.begin(), info.options.end(), key) != info.options.end()) continue;
    std::string owners;
    for (const MethodInfo& other : method_infos())
      if (std::find(other.options.begin(), other.options.end(), key) != other.options.end())
        owners += (owners.empty() ? "" : ", ") + other.name;
    if (!owners.empty())
      cursor.at(key).fail("the method \"" + info.name + "\" has no such option",
                          "remove it, or use a method that has it: " + owners);
  }
}

}  // namespace

const std::vector<std::string>& scorer_names() {
  static const std::vector<std::string> names = {"fisher", "taylor", "straight_through", "hard_concrete",
                                                 "l1",     "fpgm",   "slimming",         "random"};
  return names;
}

const std::vector<MethodInfo>& method_infos() {
  static const std::vector<MethodInfo> table = {
      {"clean",
       "trained on clean pictures only: what happens if nothing is done",
       {"backbone", "distillation", "qat"},
       false},
      {"augment",
       "each training picture under a condition drawn at random",
       {"backbone", "frequencies", "consistency", "distillation", "qat"},
       false},
      {"prune",
       "augment, and channels pruned to the MAC budget while training, by a criterion",
       {"mac_budget", "latency_budget", "byte_budget", "lanes", "freeze_at", "criterion", "gate_learning",
        "slimming_penalty", "backbone", "frequencies", "consistency", "distillation", "qat"},
       false},
      {"automask",
       "channel masks at the MAC budget and a normalisation per condition",
       {"mac_budget",  "latency_budget",   "byte_budget",   "lanes",
        "freeze_at",   "consensus",        "normalisation", "stem",
        "general_set", "union_penalty",    "scorer",        "gate_learning",
        "backbone",    "slimming_penalty", "mask_groups",   "frequencies",
        "consistency", "distillation",     "qat",           "estimator"},
       true},
      {"kill_test",
       "automask with one mask for all conditions: what remains is a normalisation per condition",
       {"mac_budget", "latency_budget", "byte_budget", "lanes", "freeze_at", "normalisation", "stem", "general_set",
        "scorer", "gate_learning", "slimming_penalty", "backbone", "frequencies", "consistency", "distillation", "qat",
        "estimator"},
       true},
      {"slim",
       "an evenly narrower network from scratch that meets the MAC budget, with bn_k a normalisation per condition",
       {"mac_budget", "latency_budget", "byte_budget", "lanes", "normalisation", "stem", "general_set", "backbone",
        "frequencies", "consistency", "distillation", "qat", "estimator"},
       false},
      {"dense_bn_k",
       "the whole network with a normalisation per condition",
       {"normalisation", "stem", "general_set", "backbone", "frequencies", "consistency", "distillation", "qat",
        "estimator"},
       true},
      {"augmix",
       "AugMix: mixtures of operators that are no corruptions, and like answers to all of them",
       {"augmix", "backbone", "distillation", "qat"},
       false},
      {"stability",
       "stability training: the answer to a picture under a condition must be that to the clean one",
       {"stability_weight", "backbone", "frequencies", "distillation", "qat"},
       false},
      {"denoise",
       "a small convolutional denoiser in front, trained on pairs of pictures, then with the classifier",
       {"mac_budget", "latency_budget", "byte_budget", "lanes", "freeze_at", "denoiser", "backbone", "frequencies",
        "distillation", "qat"},
       false},
      {"slimmable",
       "one set of weights at several widths, which are selected when it is used",
       {"widths", "lanes", "backbone", "frequencies", "distillation", "qat"},
       false},
      {"separate",
       "a pruned network for each condition, trained on it alone with its share of the views",
       {"mac_budget", "latency_budget", "byte_budget", "lanes", "freeze_at", "criterion", "gate_learning",
        "slimming_penalty", "backbone", "distillation", "estimator"},
       true,
       Product::networks},
      {"piggyback",
       "a mask over single weights for each condition on one backbone (Mallya et al. 2018)",
       {"mask_learning_rate", "backbone_share", "distillation", "estimator"},
       true,
       Product::networks},
      {"bn_adapt",
       "normalises by the statistics of the test pictures themselves",
       {"base", "test_batch", "prior", "backbone", "distillation"},
       false,
       Product::none},
      {"tent",
       "minimises the entropy of its answers at test time (Wang et al. 2021)",
       {"base", "test_batch", "test_learning_rate", "backbone", "distillation"},
       false,
       Product::none},
      {"external", "networks from files, trained elsewhere", {"file", "estimator"}, false, Product::none},
  };
  return table;
}

const MethodInfo& method_info(const std::string& name) {
  for (const MethodInfo& info : method_infos())
    if (info.name == name) return info;
  throw core::Error(core::ExitCode::internal, "method " + name, "is not in the catalogue");
}

MethodSpec MethodSpec::from_json(const core::JsonCursor& cursor, const std::string& name, const core::Json& defaults) {
  if (!cursor.value().is_object()) cursor.fail("must be an object", "write {\"method\": \"automask\"}");
  MethodSpec spec;
  spec.name = name;
  const MethodInfo& info = info_of(cursor.at("method"));
  spec.method = info.name;
  refuse_foreign_options(cursor, info);
  if (!info.per_condition) spec.normalisation = Normalisation::shared;
  std::vector<std::string> keys = {"method", "train", "init"};
  keys.insert(keys.end(), info.options.begin(), info.options.end());
  cursor.only_keys(keys);

  if (!defaults.is_null()) read_train({defaults, cursor.file(), "/train"}, spec.train);
  if (spec.method == "piggyback") {  // where the others train is not for it
    spec.train.device = Processor::cpu;
    spec.train.mixed_precision = false;
  }
  if (cursor.has("train")) read_train(cursor.at("train"), spec.train);
  if (cursor.has("init")) option("init").read(cursor.at("init"), spec);
  for (const std::string& key : info.options)
    if (cursor.has(key)) option(key).read(cursor.at(key), spec);
  check_options(cursor, spec, info);
  return spec;
}

MethodSpec MethodSpec::trained_spec() const {
  if (method != "bn_adapt" && method != "tent") return *this;
  MethodSpec trained;
  trained.name = name;
  trained.method = base;
  trained.train = train;
  trained.init = init;
  trained.backbone = backbone;
  trained.distillation = distillation;
  trained.normalisation = Normalisation::shared;
  return trained;
}

core::Json MethodSpec::parameters() const {
  // The name in tables doesn't decide the result.
  core::Json json = {{"method", method}, {"init", option("init").write(*this)}, {"train", to_json(train)}};
  for (const MethodInfo& info : method_infos())
    if (info.name == method)
      for (const std::string& key : info.options)
        if (core::Json value = option(key).write(*this); !value.is_null()) json[key] = std::move(value);
  return json;
}

bool MethodSpec::per_condition() const {
  return method_info(method).per_condition || normalisation != Normalisation::shared;
}

double MethodSpec::passes_per_picture() const {
  if (method == "augmix") return 3;
  if (method == "stability" || consistency > 0) return 2;
  if (method != "slimmable") return 1;
  double sum = 0;
  for (const double width : widths) sum += width * width;
  return sum;
}

std::vector<double> MethodSpec::weights_of(const std::vector<corruptions::Condition>& conditions) const {
  if (frequencies.empty()) return std::vector<double>(conditions.size(), 1.0 / static_cast<double>(conditions.size()));
  std::vector<double> weights;
  for (const corruptions::Condition& condition : conditions) {
    const auto found = frequencies.find(condition.canonical());
    if (found == frequencies.end())
      throw core::Error(core::ExitCode::steps_failed, "frequencies of " + name,
                        "the condition \"" + condition.canonical() + "\" has none", "give every condition one");
    weights.push_back(found->second);
  }
  if (weights.size() != frequencies.size())
    for (const auto& [named, value] : frequencies)
      if (std::none_of(conditions.begin(), conditions.end(),
                       [&, wanted = named](const auto& c) { return c.canonical() == wanted; }))
        throw core::Error(core::ExitCode::steps_failed, "frequencies of " + name,
                          "\"" + named + "\" is no condition of the experiment", "remove it, or add the condition");
  return weights;
}

}  // namespace automask::methods
