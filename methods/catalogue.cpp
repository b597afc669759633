#include "methods/catalogue.h"

#include <algorithm>
#include <filesystem>

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

double number_above(const core::JsonCursor& cursor, double low, double high) {
  const double value = cursor.number_in(low, high);
  if (value == low) cursor.fail("must be above " + core::Json(low).dump());
  return value;
}

void read_train(const core::JsonCursor& cursor, TrainOptions& train) {
  cursor.only_keys({"epochs", "batch", "learning_rate", "momentum", "weight_decay", "label_smoothing", "warmup",
                    "checkpoint_seconds", "threads"});
  if (cursor.has("epochs")) train.epochs = cursor.at("epochs").number_in(0, 1e5);
  if (cursor.has("batch")) train.batch = static_cast<int>(cursor.at("batch").integer_in(1, 65536));
  if (cursor.has("learning_rate")) train.learning_rate = number_above(cursor.at("learning_rate"), 0, 1e6);
  if (cursor.has("momentum")) train.momentum = cursor.at("momentum").number_in(0, 0.9999);
  if (cursor.has("weight_decay")) train.weight_decay = cursor.at("weight_decay").number_in(0, 1);
  if (cursor.has("label_smoothing")) train.label_smoothing = cursor.at("label_smoothing").number_in(0, 0.99);
  if (cursor.has("warmup")) train.warmup = cursor.at("warmup").number_in(0, 1);
  if (cursor.has("checkpoint_seconds"))
    train.checkpoint_seconds = static_cast<int>(cursor.at("checkpoint_seconds").integer_in(0, 86400));
  if (cursor.has("threads")) train.threads = static_cast<int>(cursor.at("threads").integer_in(1, 1024));
}

std::string read_init(const core::JsonCursor& cursor) {
  const std::string init = cursor.string();
  if (init.empty()) cursor.fail("is empty", R"(write "published", "scratch" or a file's path)");
  if (init == "published" || init == "scratch") return init;
  // A misspelt word would be looked for as a file.
  if (init.find_first_of("./") == std::string::npos)
    cursor.fail("is \"" + init + "\"", core::suggestion(init, {"published", "scratch"}) + ", or a file's path");
  return (std::filesystem::path(cursor.file()).parent_path() / init).lexically_normal().string();
}

// No epochs: the network stays as the initial weights have it, which has a meaning for one method alone.
void check_no_epochs(const core::JsonCursor& cursor, const MethodSpec& spec, const MethodInfo& info) {
  const core::JsonCursor at = cursor.has("train") && cursor.at("train").has("epochs") ? cursor.at("train") : cursor;
  if (spec.init == "scratch") at.fail("0 epochs leave a network of random weights", "add \"init\", or raise epochs");
  if (info.name != "clean") at.fail("0 epochs train no " + info.name, "use the method \"clean\", or raise epochs");
}

void read_estimator(const core::JsonCursor& cursor, EstimatorOptions& estimator) {
  cursor.only_keys({"hidden", "epochs", "pictures", "margin"});
  if (cursor.has("hidden")) estimator.hidden = static_cast<int>(cursor.at("hidden").integer_in(1, 1024));
  if (cursor.has("epochs")) estimator.epochs = static_cast<int>(cursor.at("epochs").integer_in(1, 100000));
  if (cursor.has("pictures")) estimator.pictures = static_cast<int>(cursor.at("pictures").integer_in(1, 10000000));
  if (cursor.has("margin")) estimator.margin = cursor.at("margin").number_in(0, 1000);
}

core::Json to_json(const EstimatorOptions& estimator) {
  return {{"hidden", estimator.hidden},
          {"epochs", estimator.epochs},
          {"pictures", estimator.pictures},
          {"margin", estimator.margin}};
}

}  // namespace

const std::vector<MethodInfo>& method_infos() {
  static const std::vector<MethodInfo> table = {
      {"clean", "trained on clean pictures only: what happens if nothing is done", {}, false},
      {"augment", "each training picture under a condition drawn at random", {}, false},
      {"prune",
       "augment, and channels pruned to the MAC budget by gate gradients while training",
       {"mac_budget", "lanes"},
       false},
      {"automask",
       "channel masks at the MAC budget and a normalisation per condition",
       {"mac_budget", "lanes", "consensus", "estimator"},
       true},
  };
  return table;
}

MethodSpec MethodSpec::from_json(const core::JsonCursor& cursor, const std::string& name, const core::Json& defaults) {
  if (!cursor.value().is_object()) cursor.fail("must be an object", "write {\"method\": \"automask\"}");
  MethodSpec spec;
  spec.name = name;
  const MethodInfo& info = info_of(cursor.at("method"));
  spec.method = info.name;
  refuse_foreign_options(cursor, info);
  std::vector<std::string> keys = {"method", "train", "init"};
  keys.insert(keys.end(), info.options.begin(), info.options.end());
  cursor.only_keys(keys);

  if (!defaults.is_null()) read_train({defaults, cursor.file(), "/train"}, spec.train);
  if (cursor.has("train")) read_train(cursor.at("train"), spec.train);
  if (cursor.has("init")) spec.init = read_init(cursor.at("init"));
  if (spec.train.epochs == 0) check_no_epochs(cursor, spec, info);
  if (cursor.has("mac_budget")) spec.mac_budget = number_above(cursor.at("mac_budget"), 0, 1);
  if (cursor.has("consensus")) spec.consensus = cursor.at("consensus").number_in(0, 1);
  if (cursor.has("estimator")) read_estimator(cursor.at("estimator"), spec.estimator);
  if (cursor.has("lanes")) spec.lanes = static_cast<int>(cursor.at("lanes").integer_in(1, 4096));
  return spec;
}

core::Json MethodSpec::parameters() const {
  // Neither the name in tables nor how often a checkpoint is written decides the result.
  core::Json json = {{"method", method},
                     {"train",
                      {{"epochs", train.epochs},
                       {"batch", train.batch},
                       {"learning_rate", train.learning_rate},
                       {"momentum", train.momentum},
                       {"weight_decay", train.weight_decay},
                       {"label_smoothing", train.label_smoothing},
                       {"warmup", train.warmup},
                       {"threads", train.threads}}}};
  // The weights' digest is an input of the step; where they lie decides nothing.
  if (init != "scratch") json["init"] = init == "published" ? init : "file";
  for (const MethodInfo& info : method_infos()) {
    if (info.name != method) continue;
    for (const std::string& option : info.options) {
      if (option == "mac_budget") json[option] = mac_budget;
      if (option == "consensus") json[option] = consensus;
      if (option == "estimator") json[option] = to_json(estimator);
      if (option == "lanes") json[option] = lanes;
    }
  }
  return json;
}

}  // namespace automask::methods
