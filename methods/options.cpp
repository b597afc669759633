#include "methods/options.h"

#include <algorithm>
#include <filesystem>
#include <limits>

#include "core/atomic_file.h"
#include "methods/masks/scorer_names.h"

namespace automask::methods {
namespace {

double number_above(const core::JsonCursor& cursor, double low, double high) {
  const double value = cursor.number_in(low, high);
  if (value == low) cursor.fail("must be above " + core::Json(low).dump());
  return value;
}

// The index of a string among those allowed.
template <typename Enum>
Enum choice(const core::JsonCursor& cursor, const std::vector<std::string>& names) {
  const std::string name = cursor.string();
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i] == name) return static_cast<Enum>(i);
  std::string all;
  for (const std::string& known : names) all += (all.empty() ? "" : ", ") + known;
  cursor.fail("is none of " + all, core::suggestion(name, names));
}
template <typename Enum>
std::string name_of(Enum value, const std::vector<std::string>& names) {
  return names[static_cast<std::size_t>(value)];
}

const std::vector<std::string> normalisations = {"bn_k", "affine_k", "shared"};
const std::vector<std::string> stems = {"shared", "private"};
const std::vector<std::string> backbones = {"trained", "frozen", "deployed"};
const std::vector<std::string> processors = {"cpu", "cuda"};
const std::vector<std::string> teachers = {"none", "dense", "dense_bn_k"};

// What is no file.
bool is_word_of_init(const std::string& init) { return init == "published" || init == "clean" || init == "scratch"; }

void read_init(const core::JsonCursor& cursor, MethodSpec& spec) {
  const std::string init = cursor.string();
  if (init.empty()) cursor.fail("is empty", R"(write "published", "clean", "scratch" or a file's path)");
  spec.init = init;
  if (is_word_of_init(init)) return;
  // A misspelt word would be looked for as a file.
  if (init.find_first_of("./") == std::string::npos)
    cursor.fail("is \"" + init + "\"",
                core::suggestion(init, {"published", "clean", "scratch"}) + " (a file's path has a dot or a slash)");
  spec.init = (std::filesystem::path(cursor.file()).parent_path() / init).lexically_normal().string();
}
// The weights' digest is an input of the step; where they lie decides nothing.
core::Json write_init(const MethodSpec& spec) { return is_word_of_init(spec.init) ? spec.init : "file"; }

std::string canonical_condition(const core::JsonCursor& value, const std::string& text) {
  try {
    return corruptions::Condition::parse(text).canonical();
  } catch (const core::Error& e) {
    value.fail(e.what());
  }
}

// ["brightness:3", "shot_noise:2"]
void read_others(const core::JsonCursor& cursor, EstimatorOptions& estimator) {
  if (!cursor.value().is_array()) cursor.fail("must be an array of conditions");
  estimator.others.clear();
  for (std::size_t i = 0; i < cursor.size(); ++i) {
    const std::string name = canonical_condition(cursor.at(i), cursor.at(i).string());
    if (std::find(estimator.others.begin(), estimator.others.end(), name) != estimator.others.end())
      cursor.at(i).fail("\"" + name + "\" stands twice");
    estimator.others.push_back(name);
  }
}

void read_estimator(const core::JsonCursor& cursor, MethodSpec& spec) {
  EstimatorOptions& estimator = spec.estimator;
  cursor.only_keys({"hidden", "epochs", "pictures", "margin", "hysteresis", "others"});
  if (cursor.has("hidden")) estimator.hidden = static_cast<int>(cursor.at("hidden").integer_in(1, 1024));
  if (cursor.has("epochs")) estimator.epochs = static_cast<int>(cursor.at("epochs").integer_in(1, 100000));
  if (cursor.has("pictures")) estimator.pictures = static_cast<int>(cursor.at("pictures").integer_in(1, 10000000));
  if (cursor.has("margin")) estimator.margin = cursor.at("margin").number_in(0, 1000);
  if (cursor.has("others")) read_others(cursor.at("others"), estimator);
  if (!cursor.has("hysteresis")) return;
  const core::JsonCursor hysteresis = cursor.at("hysteresis");
  hysteresis.only_keys({"frames", "lead"});
  estimator.hysteresis_frames = static_cast<int>(hysteresis.at("frames").integer_in(1, 1000));
  if (hysteresis.has("lead")) estimator.hysteresis_lead = hysteresis.at("lead").number_in(0, 1000);
  if (estimator.hysteresis_frames == 1 && estimator.hysteresis_lead > 0)
    hysteresis.at("lead").fail("does nothing with 1 frame: every estimate is followed at once", "raise frames");
}
core::Json write_estimator(const MethodSpec& spec) {
  const EstimatorOptions& estimator = spec.estimator;
  core::Json json = {{"hidden", estimator.hidden},
                     {"epochs", estimator.epochs},
                     {"pictures", estimator.pictures},
                     {"margin", estimator.margin}};
  if (estimator.hysteresis_frames > 1)
    json["hysteresis"] = {{"frames", estimator.hysteresis_frames}, {"lead", estimator.hysteresis_lead}};
  if (!estimator.others.empty()) json["others"] = estimator.others;
  return json;
}

void read_distillation(const core::JsonCursor& cursor, MethodSpec& spec) {
  DistillationOptions& distillation = spec.distillation;
  cursor.only_keys({"teacher", "weight", "temperature", "train", "model", "seed"});
  if (cursor.has("teacher"))
    distillation.teacher = choice<DistillationOptions::Teacher>(cursor.at("teacher"), teachers);
  if (cursor.has("weight")) distillation.weight = cursor.at("weight").number_in(0, 1000);
  if (cursor.has("temperature")) distillation.temperature = number_above(cursor.at("temperature"), 0, 1000);
  if (cursor.has("model")) {
    distillation.model = cursor.at("model").string();
    if (distillation.model.empty()) cursor.at("model").fail("is empty", "name one of the manifest's models");
    if (distillation.teacher == DistillationOptions::Teacher::none)
      cursor.at("model").fail("is of no teacher", "write \"teacher\": \"dense_bn_k\" or \"dense\"");
    if (!is_word_of_init(spec.init))
      cursor.at("model").fail("is another network, and init is one network's file",
                              "let training start from \"published\", \"clean\" or \"scratch\"");
  }
  if (cursor.has("seed")) {
    distillation.seed =
        static_cast<std::uint64_t>(cursor.at("seed").integer_in(0, std::numeric_limits<std::int64_t>::max()));
    if (distillation.teacher == DistillationOptions::Teacher::none)
      cursor.at("seed").fail("is of no teacher", "write \"teacher\": \"dense_bn_k\" or \"dense\"");
  }
  for (const char* key : {"weight", "temperature", "train"})
    if (cursor.has(key) && !cursor.has("teacher"))
      cursor.at(key).fail("is of no teacher", "write \"teacher\": \"dense_bn_k\" or \"dense\"");
  if (!cursor.has("train")) return;
  distillation.train = spec.train;  // read before all other options
  read_train(cursor.at("train"), *distillation.train);
  if (to_json(*distillation.train) == to_json(spec.train)) distillation.train.reset();  // the same training, one key
}
core::Json write_distillation(const MethodSpec& spec) {
  // These had no teachers at first; without one their keys are those from then.
  const bool later =
      spec.method == "separate" || spec.method == "piggyback" || spec.method == "bn_adapt" || spec.method == "tent";
  if (later && spec.distillation.teacher == DistillationOptions::Teacher::none) return {};
  core::Json json = {{"teacher", name_of(spec.distillation.teacher, teachers)},
                     {"weight", spec.distillation.weight},
                     {"temperature", spec.distillation.temperature}};
  if (spec.distillation.train) json["train"] = to_json(*spec.distillation.train);
  if (!spec.distillation.model.empty()) json["model"] = spec.distillation.model;
  if (spec.distillation.seed) json["seed"] = *spec.distillation.seed;
  return json;
}

void read_qat(const core::JsonCursor& cursor, MethodSpec& spec) {
  cursor.only_keys({"epochs", "learning_rate"});
  if (cursor.has("epochs")) spec.qat.epochs = cursor.at("epochs").number_in(0, 1e5);
  if (cursor.has("learning_rate")) spec.qat.learning_rate = number_above(cursor.at("learning_rate"), 0, 1e6);
}
core::Json write_qat(const MethodSpec& spec) {
  return {{"epochs", spec.qat.epochs}, {"learning_rate", spec.qat.learning_rate}};
}

const std::vector<std::string> mixed_pictures = {"clean", "conditions"};

void read_augmix(const core::JsonCursor& cursor, MethodSpec& spec) {
  AugmixOptions& augmix = spec.augmix;
  cursor.only_keys({"width", "depth", "severity", "weight", "over"});
  if (cursor.has("width")) augmix.width = static_cast<int>(cursor.at("width").integer_in(1, 64));
  if (cursor.has("depth")) augmix.depth = static_cast<int>(cursor.at("depth").integer_in(0, 64));
  if (cursor.has("severity")) augmix.severity = cursor.at("severity").number_in(0.1, 10);
  if (cursor.has("weight")) augmix.weight = cursor.at("weight").number_in(0, 1000);
  if (cursor.has("over")) augmix.over_conditions = choice<std::size_t>(cursor.at("over"), mixed_pictures) == 1;
}
core::Json write_augmix(const MethodSpec& spec) {
  return {{"width", spec.augmix.width},
          {"depth", spec.augmix.depth},
          {"severity", spec.augmix.severity},
          {"weight", spec.augmix.weight},
          {"over", mixed_pictures[spec.augmix.over_conditions ? 1 : 0]}};
}

void read_denoiser(const core::JsonCursor& cursor, MethodSpec& spec) {
  cursor.only_keys({"layers", "width", "pretraining", "restoration_weight"});
  if (cursor.has("layers")) spec.denoiser.layers = static_cast<int>(cursor.at("layers").integer_in(2, 64));
  if (cursor.has("width")) spec.denoiser.width = static_cast<int>(cursor.at("width").integer_in(1, 1024));
  if (cursor.has("pretraining")) spec.denoiser.pretraining = cursor.at("pretraining").number_in(0, 0.9);
  if (cursor.has("restoration_weight"))
    spec.denoiser.restoration_weight = number_above(cursor.at("restoration_weight"), 0, 1000);
}
core::Json write_denoiser(const MethodSpec& spec) {
  core::Json json = {
      {"layers", spec.denoiser.layers}, {"width", spec.denoiser.width}, {"pretraining", spec.denoiser.pretraining}};
  // Where it is another: keys of trainings stay what they were before there was the option.
  if (spec.denoiser.restoration_weight != DenoiserOptions().restoration_weight)
    json["restoration_weight"] = spec.denoiser.restoration_weight;
  return json;
}

void read_gate_learning(const core::JsonCursor& cursor, MethodSpec& spec) {
  cursor.only_keys({"learning_rate", "penalty"});
  const bool straight = spec.scorer == "straight_through";  // read before
  if (!straight && spec.scorer != "hard_concrete")
    cursor.fail("are learnt, and " + spec.scorer + " learns none", "take straight_through or hard_concrete");
  if (cursor.has("learning_rate")) spec.gate_learning.learning_rate = number_above(cursor.at("learning_rate"), 0, 1e6);
  if (!cursor.has("penalty")) return;
  if (straight) cursor.at("penalty").fail("is hard_concrete's", "remove it");
  spec.gate_learning.penalty = cursor.at("penalty").number_in(0, 1000);
}
core::Json write_gate_learning(const MethodSpec& spec) {
  // Where they are others: keys of trainings stay what they were before there was the option.
  const GateOptions usual, &given = spec.gate_learning;
  core::Json json;
  if (const double rate = given.rate_of(spec.scorer); rate != usual.rate_of(spec.scorer)) json["learning_rate"] = rate;
  if (given.penalty != usual.penalty) json["penalty"] = given.penalty;
  return json;
}

void read_widths(const core::JsonCursor& cursor, MethodSpec& spec) {
  if (!cursor.value().is_array() || cursor.size() < 2 || cursor.size() > 16)
    cursor.fail("must be an array of 2 to 16 widths", "write [1, 0.5, 0.25]");
  spec.widths.clear();
  for (std::size_t i = 0; i < cursor.size(); ++i) {
    const double width = number_above(cursor.at(i), 0, 1);
    if (std::find(spec.widths.begin(), spec.widths.end(), width) != spec.widths.end())
      cursor.at(i).fail("stands there twice");
    spec.widths.push_back(width);
  }
}

// {"clean": 7, "jpeg:q10": 3}: any unit.
void read_frequencies(const core::JsonCursor& cursor, MethodSpec& spec) {
  if (!cursor.value().is_object()) cursor.fail("must be an object", "write {\"clean\": 0.7, \"jpeg:q10\": 0.3}");
  spec.frequencies.clear();
  double sum = 0;
  for (const std::string& key : cursor.keys()) {
    const double value = number_above(cursor.at(key), 0, 1e9);
    spec.frequencies[canonical_condition(cursor.at(key), key)] += value;
    sum += value;
  }
  for (auto& [name, value] : spec.frequencies) value /= sum;
}

// {"ms": 3, "target": "board"}, or {"ms": 3, "costs": "z7020.json"}: the path is relative to the manifest's; or the
// costs themselves.
void read_latency_budget(const core::JsonCursor& cursor, MethodSpec& spec) {
  cursor.only_keys({"ms", "target", "costs"});
  LatencyBudget budget;
  budget.ms = number_above(cursor.at("ms"), 0, 1e6);
  if (cursor.has("target") == cursor.has("costs"))
    cursor.fail(cursor.has("target") ? "has both a target and costs" : "has neither a target nor costs",
                "name a target of the experiment, or give what `automask runners costs` wrote");
  if (cursor.has("target")) {
    budget.target = cursor.at("target").string();
    if (budget.target.empty()) cursor.at("target").fail("is empty", "name a target of the experiment");
    spec.latency_budget = budget;
    return;
  }
  const core::JsonCursor costs = cursor.at("costs");
  if (!costs.value().is_string()) {
    read_layer_costs(costs, budget);
  } else {
    const std::filesystem::path file = std::filesystem::path(cursor.file()).parent_path() / costs.string();
    std::error_code fault;
    if (!std::filesystem::is_regular_file(file, fault))
      costs.fail("there is no file " + file.string(), "write it with `automask runners costs`");
    const core::Json json = core::Json::parse(core::read_file(file), nullptr, false);
    read_layer_costs({json, file.string()}, budget);
  }
  spec.latency_budget = budget;
}
// The costs stand in the key, not where they lie; of a target's costs the key of the step that asks for them does.
core::Json write_latency_budget(const MethodSpec& spec) {
  if (!spec.latency_budget) return nullptr;
  if (!spec.latency_budget->target.empty())
    return {{"ms", spec.latency_budget->ms}, {"target", spec.latency_budget->target}};
  return {{"ms", spec.latency_budget->ms}, {"costs", layer_costs_json(*spec.latency_budget)}};
}

void read_consensus(const core::JsonCursor& cursor, MethodSpec& spec) {
  if (cursor.value().is_string()) {
    if (cursor.string() != "auto") cursor.fail("must be a number or \"auto\"");
    spec.consensus.reset();
  } else {
    spec.consensus = cursor.number_in(0, 1);
  }
}

// What `prune` calls its criterion is automask's scorer.
void read_scorer(const core::JsonCursor& cursor, MethodSpec& spec) {
  spec.scorer = scorer_names()[choice<std::size_t>(cursor, scorer_names())];
}

// "trained.pth", or {"clean": "a.onnx", "jpeg:q10": "b.onnx"}.
void read_files(const core::JsonCursor& cursor, MethodSpec& spec) {
  spec.files.clear();
  const auto path = [](const core::JsonCursor& value) {
    if (value.string().empty()) value.fail("is empty", "name a .pth, .safetensors or .onnx file");
    return value.string();
  };
  if (!cursor.value().is_object()) {
    spec.files["*"] = path(cursor);
    return;
  }
  if (cursor.value().empty()) cursor.fail("names no file", "give every condition one, or one path for all");
  for (const std::string& key : cursor.keys()) {
    const std::string name = key == "*" ? key : canonical_condition(cursor.at(key), key);
    if (!spec.files.emplace(name, path(cursor.at(key))).second)
      cursor.at(key).fail("the condition \"" + name + "\" stands twice", "remove one of them");
  }
  if (spec.files.count("*") != 0 && spec.files.size() > 1)
    cursor.at("*").fail("stands beside conditions", "give one file for all, or one for every condition");
}
core::Json write_files(const MethodSpec& spec) {
  const auto all = spec.files.find("*");
  return all != spec.files.end() ? core::Json(all->second) : core::Json(spec.files);
}

// [["gaussian_noise:3", "impulse_noise:3"], ["jpeg:q10", "jpeg:q20"]]
void read_mask_groups(const core::JsonCursor& cursor, MethodSpec& spec) {
  if (!cursor.value().is_array()) cursor.fail("must be an array of arrays of conditions");
  spec.mask_groups.clear();
  std::vector<std::string> seen;
  for (std::size_t g = 0; g < cursor.size(); ++g) {
    const core::JsonCursor group = cursor.at(g);
    if (!group.value().is_array() || group.size() < 2)
      group.fail("must be an array of two conditions at least", "a condition in no group has a mask of its own");
    spec.mask_groups.emplace_back();
    for (std::size_t i = 0; i < group.size(); ++i) {
      const std::string name = canonical_condition(group.at(i), group.at(i).string());
      if (std::find(seen.begin(), seen.end(), name) != seen.end()) group.at(i).fail("\"" + name + "\" stands twice");
      seen.push_back(name);
      spec.mask_groups.back().push_back(name);
    }
  }
}

const std::vector<std::string> bases = {"augment", "clean"};

// Where it is trained, only these methods say so: the others' keys are those from before they had the option.
core::Json write_backbone(const MethodSpec& spec) {
  const bool always = spec.method == "automask" || spec.method == "kill_test" || spec.method == "dense_bn_k";
  return spec.backbone == Backbone::trained && !always ? core::Json() : core::Json(name_of(spec.backbone, backbones));
}

const std::vector<Option> table = {
    {"init", read_init, write_init},
    {"mac_budget", [](const core::JsonCursor& c, MethodSpec& s) { s.mac_budget = number_above(c, 0, 1); },
     [](const MethodSpec& s) { return s.latency_budget ? core::Json() : core::Json(s.mac_budget); }},
    {"latency_budget", read_latency_budget, write_latency_budget},
    {"byte_budget",
     [](const core::JsonCursor& c, MethodSpec& s) { s.byte_budget = c.integer_in(0, std::int64_t{1} << 50); },
     [](const MethodSpec& s) {
       // Keys of these are those from before they had the option.
       const bool later = s.method == "slim" || s.method == "denoise" || s.method == "separate";
       return later && s.byte_budget == 0 ? core::Json() : core::Json(s.byte_budget);
     }},
    {"lanes", [](const core::JsonCursor& c, MethodSpec& s) { s.lanes = static_cast<int>(c.integer_in(1, 4096)); },
     [](const MethodSpec& s) { return core::Json(s.lanes); }},
    {"consensus", read_consensus,
     [](const MethodSpec& s) { return s.consensus ? core::Json(*s.consensus) : core::Json("auto"); }},
    {"normalisation",
     [](const core::JsonCursor& c, MethodSpec& s) { s.normalisation = choice<Normalisation>(c, normalisations); },
     [](const MethodSpec& s) { return core::Json(name_of(s.normalisation, normalisations)); }},
    {"stem", [](const core::JsonCursor& c, MethodSpec& s) { s.stem = choice<Stem>(c, stems); },
     // Not written where it is shared: keys of trainings stay what they were before there was the option.
     [](const MethodSpec& s) { return s.stem == Stem::shared ? core::Json() : core::Json(name_of(s.stem, stems)); }},
    {"general_set", [](const core::JsonCursor& c, MethodSpec& s) { s.general_set = c.boolean(); },
     [](const MethodSpec& s) { return s.general_set ? core::Json(true) : core::Json(); }},
    {"freeze_at", [](const core::JsonCursor& c, MethodSpec& s) { s.freeze_at = number_above(c, 0, 1); },
     [](const MethodSpec& s) {
       return s.freeze_at == MethodSpec().freeze_at ? core::Json() : core::Json(s.freeze_at);
     }},
    {"union_penalty", [](const core::JsonCursor& c, MethodSpec& s) { s.union_penalty = c.number_in(0, 1); },
     [](const MethodSpec& s) { return core::Json(s.union_penalty); }},
    {"distillation", read_distillation, write_distillation},
    {"scorer", read_scorer, [](const MethodSpec& s) { return core::Json(s.scorer); }},
    {"criterion", read_scorer, [](const MethodSpec& s) { return core::Json(s.scorer); }},
    {"gate_learning", read_gate_learning, write_gate_learning},
    {"slimming_penalty", [](const core::JsonCursor& c, MethodSpec& s) { s.slimming_penalty = c.number_in(0, 1000); },
     [](const MethodSpec& s) { return core::Json(s.slimming_penalty); }},
    {"stability_weight", [](const core::JsonCursor& c, MethodSpec& s) { s.stability_weight = c.number_in(0, 1000); },
     [](const MethodSpec& s) { return core::Json(s.stability_weight); }},
    {"augmix", read_augmix, write_augmix},
    {"denoiser", read_denoiser, write_denoiser},
    {"widths", read_widths, [](const MethodSpec& s) { return core::Json(s.widths); }},
    {"qat", read_qat, write_qat},
    {"backbone", [](const core::JsonCursor& c, MethodSpec& s) { s.backbone = choice<Backbone>(c, backbones); },
     write_backbone},
    // Not written where they do nothing: keys of trainings stay what they were before there were these options.
    {"consistency", [](const core::JsonCursor& c, MethodSpec& s) { s.consistency = c.number_in(0, 1000); },
     [](const MethodSpec& s) { return s.consistency == 0 ? core::Json() : core::Json(s.consistency); }},
    {"mask_groups", read_mask_groups,
     [](const MethodSpec& s) { return s.mask_groups.empty() ? core::Json() : core::Json(s.mask_groups); }},
    {"frequencies", read_frequencies, [](const MethodSpec& s) { return core::Json(s.frequencies); }},
    {"estimator", read_estimator, write_estimator},
    {"base", [](const core::JsonCursor& c, MethodSpec& s) { s.base = bases[choice<std::size_t>(c, bases)]; },
     [](const MethodSpec& s) { return core::Json(s.base); }},
    {"test_batch",
     [](const core::JsonCursor& c, MethodSpec& s) { s.test_batch = static_cast<int>(c.integer_in(1, 65536)); },
     [](const MethodSpec& s) { return core::Json(s.test_batch); }},
    {"prior", [](const core::JsonCursor& c, MethodSpec& s) { s.prior = c.number_in(0, 1e6); },
     [](const MethodSpec& s) { return core::Json(s.prior); }},
    {"test_learning_rate",
     [](const core::JsonCursor& c, MethodSpec& s) { s.test_learning_rate = number_above(c, 0, 1e6); },
     [](const MethodSpec& s) { return core::Json(s.test_learning_rate); }},
    {"mask_learning_rate",
     [](const core::JsonCursor& c, MethodSpec& s) { s.mask_learning_rate = number_above(c, 0, 1e6); },
     [](const MethodSpec& s) { return core::Json(s.mask_learning_rate); }},
    {"backbone_share",
     [](const core::JsonCursor& c, MethodSpec& s) {
       s.backbone_share = number_above(c, 0, 1);
       if (s.backbone_share == 1) c.fail("leaves no views for the masks", "write a number below 1");
     },
     [](const MethodSpec& s) {
       return s.backbone_share == MethodSpec().backbone_share ? core::Json() : core::Json(s.backbone_share);
     }},
    {"file", read_files, write_files},
};

}  // namespace

const std::vector<Option>& options() { return table; }

const Option& option(const std::string& key) {
  for (const Option& row : table)
    if (key == row.key) return row;
  throw core::Error(core::ExitCode::internal, "option " + key, "is listed by a method but not in the table");
}

void read_train(const core::JsonCursor& cursor, TrainOptions& train) {
  cursor.only_keys({"epochs", "batch", "learning_rate", "momentum", "weight_decay", "label_smoothing", "warmup", "flip",
                    "crop", "checkpoint_seconds", "workers", "picture_memory", "threads", "device", "mixed_precision"});
  if (cursor.has("epochs")) train.epochs = cursor.at("epochs").number_in(0, 1e5);
  if (cursor.has("batch")) train.batch = static_cast<int>(cursor.at("batch").integer_in(1, 65536));
  if (cursor.has("learning_rate")) train.learning_rate = number_above(cursor.at("learning_rate"), 0, 1e6);
  if (cursor.has("momentum")) train.momentum = cursor.at("momentum").number_in(0, 0.9999);
  if (cursor.has("weight_decay")) train.weight_decay = cursor.at("weight_decay").number_in(0, 1);
  if (cursor.has("label_smoothing")) train.label_smoothing = cursor.at("label_smoothing").number_in(0, 0.99);
  if (cursor.has("warmup")) train.warmup = cursor.at("warmup").number_in(0, 1);
  if (cursor.has("flip")) train.augmentation.flip = cursor.at("flip").number_in(0, 1);
  if (cursor.has("crop")) train.augmentation.crop = static_cast<int>(cursor.at("crop").integer_in(0, 1000));
  if (cursor.has("checkpoint_seconds"))
    train.checkpoint_seconds = static_cast<int>(cursor.at("checkpoint_seconds").integer_in(0, 86400));
  if (cursor.has("workers")) train.workers = static_cast<int>(cursor.at("workers").integer_in(0, 1024));
  if (cursor.has("picture_memory"))
    train.picture_memory = cursor.at("picture_memory").integer_in(0, std::int64_t{1} << 30);
  if (cursor.has("threads")) train.threads = static_cast<int>(cursor.at("threads").integer_in(1, 1024));
  if (cursor.has("device")) train.device = choice<Processor>(cursor.at("device"), processors);
  if (cursor.has("mixed_precision")) train.mixed_precision = cursor.at("mixed_precision").boolean();
  if (train.mixed_precision && train.device != Processor::cuda)
    cursor.fail("mixed_precision is of a GPU", "set \"device\": \"cuda\", or remove it");
}

// Without how often a checkpoint is written and how pictures get there: that doesn't decide the result.
core::Json to_json(const TrainOptions& train) {
  core::Json json = {{"epochs", train.epochs},
                     {"batch", train.batch},
                     {"learning_rate", train.learning_rate},
                     {"momentum", train.momentum},
                     {"weight_decay", train.weight_decay},
                     {"label_smoothing", train.label_smoothing},
                     {"warmup", train.warmup},
                     {"threads", train.threads}};
  // Where they are asked for: keys of trainings stay what they were before there were these options.
  if (train.augmentation.flip > 0) json["flip"] = train.augmentation.flip;
  if (train.augmentation.crop > 0) json["crop"] = train.augmentation.crop;
  if (train.device != Processor::cpu)
    json.update({{"device", name_of(train.device, processors)}, {"mixed_precision", train.mixed_precision}});
  return json;
}

}  // namespace automask::methods
