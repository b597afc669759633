#include "harness/manifest.h"

#include <algorithm>
#include <set>

#include "core/hash.h"
#include "graph/graph.h"
#include "harness/held_out.h"
#include "harness/schema.h"
#include "models/zoo.h"

namespace automask::harness {
namespace {

using core::Json;
using core::JsonCursor;

constexpr int trial_classes = 10;  // classes are known only once data is read; any number shows a model's faults

// Names stand in file names, filters and tables.
void check_name(const JsonCursor& cursor, const std::string& name) {
  const bool plain =
      !name.empty() && name.size() <= 100 && name.front() != '.' && name.front() != '-' &&
      name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.+-") == std::string::npos;
  if (!plain)
    cursor.fail("\"" + name + "\" is no usable name",
                "use 1-100 letters, digits, \"_\", \".\", \"+\" and \"-\", beginning with a letter, digit or \"_\"");
}

// The named entries of a section; fails when the section is missing or empty.
std::vector<std::string> entries(const JsonCursor& section) {
  const std::vector<std::string> names = section.keys();
  if (names.empty()) section.fail("has no entry", "name at least one");
  for (const std::string& name : names) check_name(section, name);
  return names;
}

// Remarks are for people: they neither reach the rooms that check entries nor the manifest's hash.
Json without_remarks(Json json) {
  json.erase("$schema");
  for (const char* section : {"datasets", "models", "methods", "targets"}) {
    const auto found = json.find(section);
    if (found == json.end() || !found->is_object()) continue;
    for (auto& [name, entry] : found->items())
      if (entry.is_object()) entry.erase("description");
  }
  for (const char* object : {"train", "matrix"})
    if (const auto found = json.find(object); found != json.end() && found->is_object()) found->erase("description");
  return json;
}

void check_remarks(const JsonCursor& root) {
  for (const char* section : {"datasets", "models", "methods", "targets"}) {
    if (!root.has(section) || !root.at(section).value().is_object()) continue;
    for (const std::string& name : root.at(section).keys())
      if (const JsonCursor entry = root.at(section).at(name); entry.has("description"))
        entry.at("description").string();
  }
  for (const char* object : {"train", "matrix"})
    if (root.has(object) && root.at(object).has("description")) root.at(object).at("description").string();
}

// None of them may be one of `others`, which are trained on.
std::vector<corruptions::Condition> read_conditions(const JsonCursor& cursor,
                                                    const std::vector<corruptions::Condition>& others = {}) {
  if (cursor.strings().empty())
    cursor.fail("has no condition",
                others.empty() ? "name at least \"clean\"" : "name one, e.g. \"jpeg:q15\", or remove it");
  std::vector<corruptions::Condition> conditions;
  for (std::size_t i = 0; i < cursor.size(); ++i) {
    const auto condition = corruptions::Condition::from_json(cursor.at(i));
    if (std::find(conditions.begin(), conditions.end(), condition) != conditions.end())
      cursor.at(i).fail("the condition \"" + condition.canonical() + "\" stands twice", "remove one of them");
    if (std::find(others.begin(), others.end(), condition) != others.end())
      cursor.at(i).fail("the condition \"" + condition.canonical() + "\" is trained on, so it is not held out",
                        "remove it here or from /conditions");
    conditions.push_back(condition);
  }
  return conditions;
}

// {"mostly_clean": {"clean": 70, "*": 30}}: "*" is shared equally by the conditions that are not named.
std::vector<Mix> read_mixes(const JsonCursor& section, const std::vector<corruptions::Condition>& conditions) {
  std::vector<Mix> mixes;
  for (const std::string& name : entries(section)) {
    const JsonCursor entry = section.at(name);
    std::vector<double> weights(conditions.size(), -1);  // -1: not named
    double rest = 0, sum = 0;
    for (const std::string& key : entry.keys()) {
      const double weight = entry.at(key).number_in(0, 1e9);
      sum += weight;
      if (key == "*") {
        rest = weight;
        continue;
      }
      const Json text = key;
      const auto condition = corruptions::Condition::from_json(JsonCursor(text, entry.file(), entry.at(key).pointer()));
      const auto found = std::find(conditions.begin(), conditions.end(), condition);
      if (found == conditions.end())
        entry.at(key).fail("the condition \"" + condition.canonical() + "\" is none of /conditions",
                           "mix conditions that are tested");
      double& slot = weights[static_cast<std::size_t>(found - conditions.begin())];
      if (slot >= 0) entry.at(key).fail("the condition \"" + condition.canonical() + "\" stands twice");
      slot = weight;
    }
    const auto unnamed = static_cast<double>(std::count(weights.begin(), weights.end(), -1));
    if (rest > 0 && unnamed == 0) entry.at("*").fail("no condition is left for it", "remove it");
    if (sum <= 0) entry.fail("has no weight above 0", "write e.g. {\"clean\": 70, \"*\": 30}");
    for (double& weight : weights) weight = (weight < 0 ? rest / unnamed : weight) / sum;
    mixes.push_back({name, weights});
  }
  return mixes;
}

ModelSpec read_model(const JsonCursor& cursor, const std::string& name, const datasets::DatasetSpec& first) {
  try {
    models::build_model(cursor, {first.channels, first.height, first.width}, trial_classes);
  } catch (const graph::GraphError&) {
    // Whether it fits a data set is checked for those it is combined with.
  }
  return {name, cursor.value()};
}

// Files for conditions: one for each, none for others.
void check_files(const JsonCursor& cursor, const methods::MethodSpec& method,
                 const std::vector<corruptions::Condition>& conditions) {
  if (method.files.empty() || method.files.count("*") != 0) return;
  std::set<std::string> named;
  for (const auto& [condition, file] : method.files) named.insert(condition);
  for (const auto& condition : conditions)
    if (named.erase(condition.canonical()) == 0)
      cursor.at("file").fail("names no file for the condition \"" + condition.canonical() + "\"",
                             "give every condition one, or one path for all");
  if (!named.empty())
    cursor.at("file").fail("the condition \"" + *named.begin() + "\" is none of /conditions",
                           "remove it, or add the condition");
}

TargetSpec read_target(const JsonCursor& cursor, const std::string& name) {
  cursor.only_keys({"runner", "threads", "format", "warmup", "repetitions", "min_latencies", "min_seconds",
                    "interleave", "limit", "clock_mhz"});
  TargetSpec target;
  target.name = name;
  target.runner = cursor.at("runner").string();
  if (target.runner.empty()) cursor.at("runner").fail("is empty", "name a registered runner, e.g. \"cpu\"");
  if (cursor.has("threads")) target.threads = static_cast<int>(cursor.at("threads").integer_in(1, 1024));
  if (cursor.has("format")) {
    target.format = cursor.at("format").string();
    const std::vector<std::string> known = {"fp32", "fp16", "int8"};
    if (std::find(known.begin(), known.end(), target.format) == known.end())
      cursor.at("format").fail("unknown format \"" + target.format + "\"", core::suggestion(target.format, known));
  }
  if (cursor.has("warmup")) target.warmup = static_cast<int>(cursor.at("warmup").integer_in(0, 1000000));
  if (cursor.has("repetitions")) target.repetitions = static_cast<int>(cursor.at("repetitions").integer_in(1, 1000000));
  if (cursor.has("min_latencies"))
    target.min_latencies = static_cast<int>(cursor.at("min_latencies").integer_in(1, 1000000));
  if (cursor.has("min_seconds")) target.min_seconds = cursor.at("min_seconds").number_in(0, 86400);
  if (cursor.has("interleave")) target.interleave = static_cast<int>(cursor.at("interleave").integer_in(1, 64));
  if (cursor.has("clock_mhz")) target.clock_mhz = cursor.at("clock_mhz").number_in(1, 100000);
  if (cursor.has("limit")) target.limit = cursor.at("limit").integer_in(0, std::int64_t{1} << 40);
  return target;
}

template <class Items>
std::vector<std::string> names_of(const Items& items) {
  std::vector<std::string> names;
  for (const auto& item : items) names.push_back(item.name);
  return names;
}

void check_known(const JsonCursor& cursor, const std::string& axis, const std::vector<std::string>& known) {
  if (std::find(known.begin(), known.end(), cursor.string()) == known.end())
    cursor.fail("no " + axis + " \"" + cursor.string() + "\" is defined", core::suggestion(cursor.string(), known));
}

const std::vector<std::string>& axes() {
  static const std::vector<std::string> names = {"dataset", "model", "method", "target"};
  return names;
}

// One point of matrix.include or pattern of matrix.exclude.
Json read_point(const JsonCursor& cursor, const Manifest& manifest, bool globs) {
  auto keys = axes();
  keys.push_back("seed");
  cursor.only_keys(keys);
  if (cursor.value().empty()) cursor.fail("names nothing", "name at least one axis, e.g. \"method\"");
  const std::vector<std::vector<std::string>> known = {names_of(manifest.datasets), names_of(manifest.models),
                                                       names_of(manifest.methods), names_of(manifest.targets)};
  for (std::size_t i = 0; i < axes().size(); ++i) {
    if (!cursor.has(axes()[i])) continue;
    const JsonCursor value = cursor.at(axes()[i]);
    if (!globs || value.string().find_first_of("*?[") == std::string::npos) check_known(value, axes()[i], known[i]);
  }
  if (cursor.has("seed")) cursor.at("seed").integer_in(0, INT64_MAX);
  return cursor.value();
}

Matrix read_matrix(const JsonCursor& root, const Manifest& manifest) {
  Matrix matrix{names_of(manifest.datasets),
                names_of(manifest.models),
                names_of(manifest.methods),
                names_of(manifest.targets),
                {},
                {},
                {}};
  if (!root.has("matrix")) return matrix;
  const JsonCursor cursor = root.at("matrix");
  auto keys = axes();
  keys.insert(keys.end(), {"zip", "include", "exclude"});
  cursor.only_keys(keys);
  std::vector<std::string>* const lists[] = {&matrix.dataset, &matrix.model, &matrix.method, &matrix.target};
  for (std::size_t i = 0; i < axes().size(); ++i) {
    if (!cursor.has(axes()[i])) continue;
    const JsonCursor list = cursor.at(axes()[i]);
    const std::vector<std::string> chosen = list.strings();
    for (std::size_t j = 0; j < chosen.size(); ++j) {
      check_known(list.at(j), axes()[i], *lists[i]);
      if (std::find(chosen.begin(), chosen.begin() + static_cast<std::ptrdiff_t>(j), chosen[j]) !=
          chosen.begin() + static_cast<std::ptrdiff_t>(j))
        list.at(j).fail("\"" + chosen[j] + "\" stands twice", "remove one of them");
    }
    *lists[i] = chosen;
  }
  if (cursor.has("zip")) {
    const JsonCursor zip = cursor.at("zip");
    std::set<std::string> used;
    if (!zip.value().is_array()) zip.fail("must be an array of arrays of axes", "write [[\"dataset\", \"model\"]]");
    for (std::size_t i = 0; i < zip.size(); ++i) {
      const std::vector<std::string> together = zip.at(i).strings();
      if (together.size() < 2) zip.at(i).fail("must name at least two axes", "known: dataset, model, method, target");
      std::size_t length = 0;
      for (std::size_t j = 0; j < together.size(); ++j) {
        check_known(zip.at(i).at(j), "axis", axes());
        if (!used.insert(together[j]).second) zip.at(i).at(j).fail("the axis \"" + together[j] + "\" stands twice");
        const auto axis = std::find(axes().begin(), axes().end(), together[j]) - axes().begin();
        if (j > 0 && lists[axis]->size() != length)
          zip.at(i).fail("\"" + together[0] + "\" has " + std::to_string(length) + " values and \"" + together[j] +
                             "\" has " + std::to_string(lists[axis]->size()),
                         "axes that advance together need equally many");
        length = lists[axis]->size();
      }
      matrix.zip.push_back(together);
    }
  }
  for (const auto& [key, points] : {std::pair{"include", &matrix.include}, std::pair{"exclude", &matrix.exclude}}) {
    if (!cursor.has(key)) continue;
    const JsonCursor list = cursor.at(key);
    if (!list.value().is_array()) list.fail("must be an array of objects", "write [{\"method\": \"...\"}]");
    for (std::size_t i = 0; i < list.size(); ++i)
      points->push_back(read_point(list.at(i), manifest, points == &matrix.exclude));
  }
  return matrix;
}

std::vector<Gate> read_gates(const JsonCursor& list) {
  if (!list.value().is_array()) list.fail("must be an array of objects", "write [{\"metric\": \"top1\", \"min\": 80}]");
  std::vector<Gate> gates;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const JsonCursor cursor = list.at(i);
    cursor.only_keys({"metric", "condition", "dataset", "model", "method", "target", "min", "max", "description"});
    Gate gate;
    gate.metric = cursor.at("metric").string();
    gate.condition = cursor.string_or("condition", "");
    if (!gate.condition.empty() && gate.condition.find_first_of("*?[") == std::string::npos)
      gate.condition = corruptions::Condition::from_json(cursor.at("condition")).canonical();
    gate.dataset = cursor.string_or("dataset", "");
    gate.model = cursor.string_or("model", "");
    gate.method = cursor.string_or("method", "");
    gate.target = cursor.string_or("target", "");
    cursor.string_or("description", "");
    if (cursor.has("min")) gate.min = cursor.at("min").number();
    if (cursor.has("max")) gate.max = cursor.at("max").number();
    if (!gate.min && !gate.max) cursor.fail("has no bound", "give \"min\", \"max\" or both");
    gates.push_back(gate);
  }
  return gates;
}

std::vector<std::int64_t> read_seeds(const JsonCursor& cursor) {
  std::vector<std::int64_t> seeds;
  if (!cursor.value().is_array() || cursor.size() == 0)
    cursor.fail("must be an array of at least one integer", "write [0, 1, 2]");
  for (std::size_t i = 0; i < cursor.size(); ++i) {
    const std::int64_t seed = cursor.at(i).integer_in(0, INT64_MAX);
    if (std::find(seeds.begin(), seeds.end(), seed) != seeds.end())
      cursor.at(i).fail("the seed " + std::to_string(seed) + " stands twice", "remove one of them");
    seeds.push_back(seed);
  }
  return seeds;
}

// What an estimator has learnt to tell from the trained conditions has been seen: a held-out condition must not be, nor
// anything of a held-out corruption.
void check_others(const JsonCursor& cursor, const methods::MethodSpec& method, const Manifest& manifest) {
  for (std::size_t i = 0; i < method.estimator.others.size(); ++i) {
    const JsonCursor at = cursor.at("estimator").at("others").at(i);
    const auto other = corruptions::Condition::parse(method.estimator.others[i]);
    if (std::find(manifest.conditions.begin(), manifest.conditions.end(), other) != manifest.conditions.end())
      at.fail("\"" + other.canonical() + "\" is a condition of the experiment, which has a set of its own",
              "remove it");
    for (const auto& unseen : manifest.held_out)
      if (shows(other, unseen, manifest.conditions))
        at.fail("the estimator would learn what \"" + unseen.canonical() + "\", which is held out, looks like",
                "remove it, or hold out another corruption");
  }
}

bool is_among(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// What a method says of conditions is said of the experiment's.
void check_conditions(const JsonCursor& cursor, const methods::MethodSpec& method, const Manifest& manifest) {
  const auto known = [&](const JsonCursor& at, const std::string& name) {
    if (std::none_of(manifest.conditions.begin(), manifest.conditions.end(),
                     [&](const auto& condition) { return condition.canonical() == name; }))
      at.fail("\"" + name + "\" is no condition of the experiment", "remove it, or add the condition");
  };
  if (!method.frequencies.empty()) {
    const JsonCursor at = cursor.at("frequencies");
    for (const auto& [name, share] : method.frequencies) known(at, name);
    for (const auto& condition : manifest.conditions)
      if (!method.frequencies.contains(condition.canonical()))
        at.fail("the condition \"" + condition.canonical() + "\" has none", "give every condition one");
  }
  const bool clean = std::any_of(manifest.conditions.begin(), manifest.conditions.end(),
                                 [](const auto& condition) { return condition.clean(); });
  if (method.consistency > 0 && method.per_condition() && method.normalisation != methods::Normalisation::shared &&
      !clean)
    cursor.at("consistency")
        .fail("compares with the answer to the clean picture, and no condition is clean",
              "add \"clean\" to the conditions, or set consistency to 0");
  for (std::size_t i = 0; i < method.mask_groups.size(); ++i)
    for (const std::string& name : method.mask_groups[i]) known(cursor.at("mask_groups").at(i), name);
}

// The consensus is chosen on validation pictures.
void check_consensus(const JsonCursor& cursor, const methods::MethodSpec& method, const Manifest& manifest) {
  if (method.consensus || method.train.epochs == 0) return;
  for (const auto& dataset : manifest.datasets)
    if (dataset.validation == 0 && is_among(manifest.matrix.dataset, dataset.name))
      cursor.at("consensus")
          .fail("\"auto\" is chosen on validation pictures, and data set \"" + dataset.name + "\" has none",
                "set /datasets/" + dataset.name + "/validation, or give consensus a number");
}

// A teacher of another network is one of the experiment's, and can start where its student does.
void check_teacher(const JsonCursor& cursor, const methods::MethodSpec& method, const Manifest& manifest) {
  check_known(cursor, "model", names_of(manifest.models));
  if (method.init != "published") return;
  for (const ModelSpec& model : manifest.models) {
    const auto* entry = models::find_in_zoo(model.parameters.at("name").get<std::string>());
    if (model.name == cursor.string() && entry != nullptr && !entry->published)
      cursor.fail("is a " + entry->name + ", of which there are no published weights for training to start from",
                  "let the method start from \"clean\" or \"scratch\", or use another teacher");
  }
}

Manifest parse(const Document& source) {
  const JsonCursor raw(source.json, source.file.string());
  raw.only_keys({"$schema", "name", "description", "datasets", "conditions", "held_out", "mixes", "models", "train",
                 "methods", "targets", "matrix", "seeds", "repetitions", "corruption_seed", "gates"});
  if (raw.has("$schema")) raw.at("$schema").string();
  check_remarks(raw);

  Manifest manifest;
  manifest.file = source.file;
  manifest.document = without_remarks(source.json);
  const JsonCursor root(manifest.document, source.file.string());
  manifest.name = root.at("name").string();
  check_name(root.at("name"), manifest.name);
  manifest.description = root.string_or("description", "");

  const JsonCursor data = root.at("datasets");
  for (const std::string& name : entries(data))
    manifest.datasets.push_back(datasets::DatasetSpec::from_json(data.at(name), name));
  manifest.conditions = read_conditions(root.at("conditions"));
  if (root.has("held_out")) manifest.held_out = read_conditions(root.at("held_out"), manifest.conditions);
  if (root.has("mixes")) manifest.mixes = read_mixes(root.at("mixes"), manifest.conditions);
  const JsonCursor models = root.at("models");
  for (const std::string& name : entries(models))
    manifest.models.push_back(read_model(models.at(name), name, manifest.datasets.front()));
  const Json defaults = root.has("train") ? root.at("train").value() : Json::object();
  if (!defaults.is_object()) root.at("train").fail(std::string("must be an object, not ") + defaults.type_name());
  const JsonCursor methods = root.at("methods");
  for (const std::string& name : entries(methods))
    manifest.methods.push_back(methods::MethodSpec::from_json(methods.at(name), name, defaults));
  for (const auto& method : manifest.methods) {
    check_files(methods.at(method.name), method, manifest.conditions);
    check_others(methods.at(method.name), method, manifest);
  }
  for (const auto& method : manifest.methods)
    if (!method.distillation.model.empty())
      check_teacher(methods.at(method.name).at("distillation").at("model"), method, manifest);
  const JsonCursor targets = root.at("targets");
  for (const std::string& name : entries(targets)) manifest.targets.push_back(read_target(targets.at(name), name));

  for (const auto& method : manifest.methods)
    if (method.latency_budget && !method.latency_budget->target.empty())
      check_known(methods.at(method.name).at("latency_budget").at("target"), "target", names_of(manifest.targets));

  manifest.matrix = read_matrix(root, manifest);
  // Only of methods that are used: an included manifest has others, for conditions of its own.
  for (const auto& method : manifest.methods)
    if (is_among(manifest.matrix.method, method.name)) {
      check_conditions(methods.at(method.name), method, manifest);
      check_consensus(methods.at(method.name), method, manifest);
    }
  if (root.has("seeds")) manifest.seeds = read_seeds(root.at("seeds"));
  if (root.has("repetitions")) manifest.repetitions = static_cast<int>(root.at("repetitions").integer_in(1, 10000));
  if (root.has("corruption_seed"))
    manifest.corruption_seed = static_cast<std::uint64_t>(root.at("corruption_seed").integer_in(0, INT64_MAX));
  if (root.has("gates")) manifest.gates = read_gates(root.at("gates"));
  manifest.sha256 = core::sha256_hex(manifest.document.dump());
  return manifest;
}

}  // namespace

Json preparation(const Json& options) {
  Json preparation = {{"threads", options.value("threads", 1)}, {"format", options.value("format", "fp32")}};
  if (const auto clock = options.find("clock_mhz"); clock != options.end()) preparation["clock_mhz"] = *clock;
  return preparation;
}

Json TargetSpec::options() const {
  Json options = {{"threads", threads},
                  {"format", format},
                  {"warmup", warmup},
                  {"repetitions", repetitions},
                  {"min_latencies", min_latencies},
                  {"min_seconds", min_seconds},
                  {"interleave", interleave},
                  {"limit", limit}};
  if (clock_mhz > 0) options["clock_mhz"] = clock_mhz;  // left out, keys stay what they were
  return options;
}

Manifest parse_manifest(const Document& document) {
  Manifest manifest = document.locate([&] { return parse(document); });
  // The schema is what editors go by: a manifest that passes here must pass there.
  if (const auto fault = schema_fault(document.json))
    throw core::Error(core::ExitCode::invalid_manifest, document.file.string() + ": " + fault->pointer, fault->problem,
                      "see experiments/manifest.schema.json");
  return manifest;
}

}  // namespace automask::harness
