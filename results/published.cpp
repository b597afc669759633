#include "results/published.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/hash.h"
#include "results/query.h"
#include "results/schema.h"
#include "results/statistics.h"

namespace automask::results {
namespace {

using core::Error;
using core::ExitCode;
using core::Json;
using core::JsonCursor;

constexpr int schema_version_of_files = 2;
constexpr std::size_t curve_points = 6;
constexpr const char* shared_name = "shared.json";
constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

constexpr int digits = 8, curve_digits = 6;

Json shortened(double value, int kept = digits) {
  if (!std::isfinite(value)) return {};
  // Counts are exact.
  const bool count = value == std::floor(value) && std::abs(value) < 1e15;
  const double rounded = count ? value : std::stod(fmt::format("{:.{}g}", value, kept));
  const bool whole = rounded == std::floor(rounded) && std::abs(rounded) < 1e15;
  return whole ? Json(static_cast<std::int64_t>(rounded)) : Json(rounded);
}

// Fewer digits; of the curves of a training fewer points. What was shortened once stays as it is.
Json shortened(const Json& json, bool curve = false) {
  if (json.is_number_float()) return shortened(json.get<double>(), curve_digits);
  if (json.is_object()) {
    Json object = Json::object();
    for (const auto& [key, value] : json.items())
      object[key] = shortened(value, key == "losses" || key == "learning_rates" || key == "cuts");
    return object;
  }
  if (!json.is_array()) return json;
  Json array = Json::array();
  const std::size_t size = json.size(), points = curve ? std::min(size, curve_points) : size;
  for (std::size_t i = 0; i < points; ++i)  // the first and the last are among them
    array.push_back(shortened(json[points < 2 ? i : i * (size - 1) / (points - 1)]));
  return array;
}

std::string file_name(const RunRecord& run, std::set<std::string>& taken) {
  std::string name = fmt::format("{}-{}-{}-{}-seed{}", run.dataset, run.model, run.method, run.target, run.seed);
  for (char& c : name)
    if (std::string_view("/\\:*?\"<>| ").find(c) != std::string_view::npos) c = '_';
  std::string unique = name;
  for (int i = 2; !taken.insert(unique).second; ++i) unique = fmt::format("{}-{}", name, i);
  return unique + ".json";
}

// By the unit of its definition, so that a new metric of time is one, too.
bool timed(const Metric& metric) {
  if (metric.evidence != "measured") return false;
  for (const MetricDefinition& known : metric_definitions())
    if (known.name == metric.name)
      for (const std::string_view unit : {"ms", "1/s", "mJ"})
        if (known.unit == unit) return true;
  return false;
}

// [value, n] or [value, n, low, high]; [hits, n, "%"] for a share in percent with Wilson's interval, which says all.
Json numbers_of(const Metric& metric) {
  Json numbers = {shortened(metric.value), metric.n};
  if (std::isnan(metric.ci_lo) && std::isnan(metric.ci_hi)) return numbers;
  const Json low = shortened(metric.ci_lo), high = shortened(metric.ci_hi);
  const double hits = std::round(metric.value * static_cast<double>(metric.n) / 100);
  if (metric.n > 0 && hits >= 0 && hits <= static_cast<double>(metric.n)) {
    const auto whole = static_cast<std::int64_t>(hits);
    const Interval wilson = wilson_percent(whole, metric.n);
    if (shortened(100 * hits / static_cast<double>(metric.n)) == numbers[0] && shortened(wilson.low) == low &&
        shortened(wilson.high) == high)
      return {whole, metric.n, "%"};
  }
  numbers.push_back(low);
  numbers.push_back(high);
  return numbers;
}

Metric share_of(const JsonCursor& hits, const JsonCursor& n) {
  Metric metric;
  metric.n = n.integer();
  if (metric.n < 1) n.fail("must be above 0");
  const std::int64_t whole = hits.integer_in(0, metric.n);
  const Interval wilson = wilson_percent(whole, metric.n);
  metric.value = 100 * static_cast<double>(whole) / static_cast<double>(metric.n);
  metric.ci_lo = wilson.low;
  metric.ci_hi = wilson.high;
  return metric;
}

Metric metric_of(const JsonCursor& numbers) {
  const std::size_t size = numbers.value().is_array() ? numbers.size() : 0;
  if (size < 2 || size > 4) numbers.fail("must be [value, n], [value, n, low, high] or [hits, n, \"%\"]");
  if (size == 3) {
    if (numbers.at(2).string() != "%") numbers.at(2).fail("must be \"%\"");
    return share_of(numbers.at(0), numbers.at(1));
  }
  const auto bound = [&](std::size_t i) {
    return size < 4 || numbers.at(i).value().is_null() ? unknown : numbers.at(i).number();
  };
  Metric metric;
  metric.value = numbers.at(0).number();
  metric.n = numbers.at(1).integer();
  metric.ci_lo = bound(2);
  metric.ci_hi = bound(3);
  return metric;
}

using ByCondition = std::map<std::string, Json>;  // numbers

// The conditions that most metrics have, sorted: they are named once.
std::vector<std::string> common_conditions(const std::map<std::string, std::map<std::string, ByCondition>>& metrics) {
  std::map<std::vector<std::string>, int> lists;
  for (const auto& [evidence, names] : metrics)
    for (const auto& [name, conditions] : names) {
      std::vector<std::string> list;
      for (const auto& [condition, numbers] : conditions) list.push_back(condition);
      if (list.front() != "") ++lists[list];
    }
  const auto most =
      std::max_element(lists.begin(), lists.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == lists.end() ? std::vector<std::string>() : most->first;
}

// Of all conditions in their order: ["%", 1000, 812, ...] where all are shares of as many pictures, {"*": numbers}
// where all are the same, else the numbers of each.
Json numbers_of_all(const ByCondition& by_condition) {
  const Json& first = by_condition.begin()->second;
  Json same = {{"*", first}}, shares = {"%", first[1]}, all = Json::array();
  for (const auto& [condition, numbers] : by_condition) {
    if (numbers != first) same = Json();
    if (numbers.size() != 3 || numbers[1] != first[1]) shares = Json();
    if (!shares.is_null()) shares.push_back(numbers[0]);
    all.push_back(numbers);
  }
  return !shares.is_null() ? shares : !same.is_null() ? same : all;
}

// {"measured": {"top1": ["%", 1000, 812, ...], "train_seconds": [80.5, 1]}}: a metric of the cell's conditions as
// above, one of other conditions as an object of them, one of none as its numbers.
Json metrics_json(const std::vector<Metric>& metrics, bool latencies, Json& conditions) {
  std::map<std::string, std::map<std::string, ByCondition>> sorted;
  for (const Metric& metric : metrics)
    if (latencies || !timed(metric)) sorted[metric.evidence][metric.name][metric.condition] = numbers_of(metric);
  const auto common = common_conditions(sorted);
  conditions = common;
  Json json = Json::object();
  for (const auto& [evidence, names] : sorted)
    for (const auto& [name, by_condition] : names) {
      Json& entry = json[evidence][name];
      const bool all = by_condition.size() == common.size() &&
                       std::all_of(common.begin(), common.end(), [&](const auto& c) { return by_condition.count(c); });
      if (by_condition.size() == 1 && by_condition.begin()->first.empty()) {
        entry = by_condition.begin()->second;
      } else if (all) {
        entry = numbers_of_all(by_condition);
      } else {
        entry = by_condition;
      }
    }
  return json;
}

std::vector<Metric> metrics_of(const JsonCursor& cursor, const JsonCursor& conditions) {
  std::vector<Metric> metrics;
  if (!conditions.value().is_array()) conditions.fail("must be an array of conditions");
  std::set<std::string> seen;
  for (std::size_t i = 0; i < conditions.size(); ++i)
    if (!seen.insert(conditions.at(i).string()).second) conditions.at(i).fail("stands twice");
  for (const std::string& evidence : cursor.keys())
    for (const std::string& name : cursor.at(evidence).keys()) {
      const JsonCursor entry = cursor.at(evidence).at(name);
      const auto add = [&](const std::string& condition, Metric metric) {
        metric.name = name;
        metric.condition = condition;
        metric.evidence = evidence;
        metrics.push_back(std::move(metric));
      };
      const auto check_size = [&](std::size_t size) {
        if (size != conditions.size())
          entry.fail("has " + std::to_string(size) + " entries, the cell has " + std::to_string(conditions.size()) +
                     " conditions");
      };
      const bool list = entry.value().is_array() && !entry.value().empty();
      if (entry.value().is_object() && entry.has("*")) {
        entry.only_keys({"*"});
        if (conditions.size() == 0) entry.fail("is of all conditions, and the cell has none");
        for (std::size_t i = 0; i < conditions.size(); ++i) add(conditions.at(i).string(), metric_of(entry.at("*")));
      } else if (entry.value().is_object()) {
        for (const std::string& condition : entry.keys()) add(condition, metric_of(entry.at(condition)));
      } else if (list && entry.value().front() == "%") {
        check_size(entry.size() - std::min<std::size_t>(entry.size(), 2));
        for (std::size_t i = 0; i < conditions.size(); ++i)
          add(conditions.at(i).string(), share_of(entry.at(i + 2), entry.at(1)));
      } else if (list && entry.value().front().is_array()) {
        check_size(entry.size());
        for (std::size_t i = 0; i < entry.size(); ++i) add(conditions.at(i).string(), metric_of(entry.at(i)));
      } else {
        add("", metric_of(entry));
      }
    }
  std::sort(metrics.begin(), metrics.end(), [](const Metric& a, const Metric& b) {
    return std::tie(a.name, a.condition) < std::tie(b.name, b.condition);
  });
  return metrics;
}

// What a training says of its options stands in the cell's parameters already.
Json training_json(const RunRecord& run) {
  Json training = shortened(run.training);
  if (run.training.is_object() && run.training.value("options", Json()) == run.method_parameters)
    training["options"] = "parameters";
  return training;
}

// A shared document's name in cells.
std::string put(Json& documents, const Json& document) {
  if (document.is_null()) return "";
  const std::string name = core::sha256_hex(document.dump()).substr(0, 16);
  documents[name] = document;
  return name;
}

// Where the data lay on one machine says nothing on another.
Json without_paths(Json manifest) {
  if (manifest.is_object() && manifest.contains("datasets") && manifest["datasets"].is_object())
    for (auto& [name, dataset] : manifest["datasets"].items())
      if (dataset.is_object()) dataset.erase("path");
  return manifest;
}

Json cell_json(const RunRecord& run, Json& shared, bool latencies) {
  Json environment = run.environment;
  if (environment.is_object()) environment.erase("timing");  // temperatures and loads: as many documents as runs
  Json artifacts = Json::array();
  for (const Artifact& artifact : run.artifacts)
    if (artifact.kind != "variant")  // as many as conditions, and the manifest makes the same again
      artifacts.push_back({artifact.kind, std::filesystem::path(artifact.path).filename().generic_string(),
                           artifact.bytes, artifact.sha256});
  Json manifest = Json();
  if (!run.manifest.is_null()) {
    shared["manifests"][run.manifest_sha256] = without_paths(run.manifest);
    manifest = run.manifest_sha256;
  }
  Json conditions;
  const Json metrics = metrics_json(run.metrics, latencies, conditions);
  return {{"schema_version", schema_version_of_files},
          {"experiment", run.experiment},
          {"dataset", run.dataset},
          {"model", run.model},
          {"method", run.method},
          {"target", run.target},
          {"seed", run.seed},
          {"parameters", put(shared["parameters"], run.method_parameters)},
          {"key", run.key},
          {"portable_key", run.portable_key},
          {"state", run.state},
          {"reason", run.reason},
          {"started", run.started},
          {"finished", run.finished},
          {"manifest", manifest},
          {"environment", put(shared["environments"], environment)},
          {"build", put(shared["builds"], run.build)},
          {"conditions", conditions},
          {"metrics", metrics},
          {"artifacts", artifacts},
          {"training", training_json(run)}};
}

// One key a line, so that a difference of two files can be read.
std::string lines(const Json& object) {
  std::string text = "{";
  for (const auto& [key, value] : object.items())
    text += (text.size() > 1 ? ",\n" : "\n") + Json(key).dump() + ": " + value.dump();
  return text + "\n}\n";
}

Json shared_document(const JsonCursor& shared, const std::string& kind, const JsonCursor& name) {
  if (name.value().is_null() || name.string().empty()) return {};
  if (!shared.has(kind) || !shared.at(kind).has(name.string()))
    name.fail("names a document that " + shared.file() + " does not hold", "export the cell again");
  return shared.at(kind).at(name.string()).value();
}

RunRecord run_of(const JsonCursor& cell, const JsonCursor& shared) {
  cell.only_keys({"schema_version", "experiment",  "dataset",      "model",      "method",  "target",    "seed",
                  "parameters",     "key",         "portable_key", "state",      "reason",  "started",   "finished",
                  "manifest",       "environment", "build",        "conditions", "metrics", "artifacts", "training"});
  RunRecord run;
  if (cell.at("schema_version").integer() != schema_version_of_files)
    cell.at("schema_version")
        .fail("is " + cell.at("schema_version").value().dump() + ", this program reads " +
                  std::to_string(schema_version_of_files),
              "use the automask that belongs to these files");
  run.experiment = cell.at("experiment").string();
  run.dataset = cell.at("dataset").string();
  run.model = cell.at("model").string();
  run.method = cell.at("method").string();
  run.target = cell.at("target").string();
  run.seed = cell.at("seed").integer();
  run.method_parameters = shared_document(shared, "parameters", cell.at("parameters"));
  if (!run.method_parameters.is_object()) cell.at("parameters").fail("must name an object of parameters");
  run.key = cell.at("key").string();
  if (run.key.empty()) cell.at("key").fail("is empty");
  run.portable_key = cell.at("portable_key").string();
  run.state = cell.at("state").string();
  run.reason = cell.at("reason").string();
  run.started = cell.at("started").string();
  run.finished = cell.at("finished").string();
  if (!cell.at("manifest").value().is_null()) run.manifest_sha256 = cell.at("manifest").string();
  run.manifest = shared_document(shared, "manifests", cell.at("manifest"));
  run.environment = shared_document(shared, "environments", cell.at("environment"));
  run.build = shared_document(shared, "builds", cell.at("build"));
  run.metrics = metrics_of(cell.at("metrics"), cell.at("conditions"));
  const JsonCursor artifacts = cell.at("artifacts");
  for (std::size_t i = 0; i < artifacts.size(); ++i)
    run.artifacts.push_back({artifacts.at(i).at(3).string(), artifacts.at(i).at(0).string(),
                             artifacts.at(i).at(1).string(), artifacts.at(i).at(2).integer()});
  run.training = cell.at("training").value();
  if (run.training.is_object() && run.training.value("options", Json()) == "parameters")
    run.training["options"] = run.method_parameters;
  return run;
}

Json read_json(const std::filesystem::path& file) { return core::read_json_file(file, ExitCode::corrupt); }

Json parsed(const Json& text) {
  return text.is_string() ? Json::parse(text.get<std::string>(), nullptr, false) : Json();
}

double number_or_nan(const Json& value) { return value.is_null() ? unknown : value.get<double>(); }

}  // namespace

std::optional<RunRecord> stored_run(const Store& store, const std::string& key) {
  const Json parameters = {{"key", key}};
  const Table facts = query(
      store,
      "SELECT e.name, c.dataset, c.model, c.method, c.target, c.seed, c.parameters, r.state, r.reason, r.started, "
      "r.finished, r.manifest_sha256, m.document, v.document, b.document, r.portable_key, r.origin, r.training, r.id "
      "FROM run r JOIN cell c ON c.key = r.key JOIN experiment e ON e.id = c.experiment_id "
      "LEFT JOIN manifest m ON m.sha256 = r.manifest_sha256 LEFT JOIN environment v ON v.id = r.environment_id "
      "LEFT JOIN build b ON b.id = r.build_id WHERE r.key = :key AND r.newest = 1 ORDER BY c.id LIMIT 1",
      parameters);
  if (facts.rows.empty()) return std::nullopt;
  const std::vector<Json>& row = facts.rows.front();
  const auto text = [&](std::size_t i) { return row[i].is_null() ? std::string() : row[i].get<std::string>(); };
  RunRecord run;
  run.key = key;
  run.experiment = text(0);
  run.dataset = text(1);
  run.model = text(2);
  run.method = text(3);
  run.target = text(4);
  run.seed = row[5].get<std::int64_t>();
  run.method_parameters = parsed(row[6]);
  run.state = text(7);
  run.reason = text(8);
  run.started = text(9);
  run.finished = text(10);
  run.manifest_sha256 = text(11);
  run.manifest = parsed(row[12]);
  run.environment = parsed(row[13]);
  run.build = parsed(row[14]);
  run.portable_key = text(15);
  run.origin = text(16);
  run.training = parsed(row[17]);
  const Json id = {{"id", row[18]}};
  for (const auto& m : query(store,
                             "SELECT name, condition, value, ci_lo, ci_hi, evidence, n FROM metric WHERE run_id = :id "
                             "ORDER BY name, condition",
                             id)
                           .rows)
    run.metrics.push_back({m[0].get<std::string>(), m[1].get<std::string>(), m[2].get<double>(), number_or_nan(m[3]),
                           number_or_nan(m[4]), m[5].get<std::string>(), m[6].get<std::int64_t>()});
  for (const auto& a :
       query(store, "SELECT sha256, kind, path, bytes FROM artifact WHERE run_id = :id ORDER BY kind, path", id).rows)
    run.artifacts.push_back(
        {a[0].get<std::string>(), a[1].get<std::string>(), a[2].get<std::string>(), a[3].get<std::int64_t>()});
  return run;
}

std::vector<std::string> current_keys(const Store& store, const std::string& experiment) {
  std::vector<std::string> keys;
  for (const auto& row :
       query(store, "SELECT run FROM current_passed WHERE experiment = :experiment ORDER BY position, run",
             {{"experiment", experiment}})
           .rows)
    if (const auto key = row[0].get<std::string>(); std::find(keys.begin(), keys.end(), key) == keys.end())
      keys.push_back(key);
  return keys;
}

std::vector<std::string> experiment_names(const Store& store) {
  std::vector<std::string> names;
  for (const auto& row : query(store, "SELECT name FROM experiment ORDER BY name").rows)
    names.push_back(row[0].get<std::string>());
  return names;
}

Exported export_published(const Store& store, const std::string& experiment, const std::filesystem::path& folder,
                          bool latencies) {
  const std::filesystem::path own = folder / experiment;
  Json shared = {{"schema_version", schema_version_of_files},
                 {"manifests", Json::object()},
                 {"environments", Json::object()},
                 {"builds", Json::object()},
                 {"parameters", Json::object()}};
  Exported exported;
  std::map<std::string, Json> cells;
  std::set<std::string> taken;
  for (const std::string& key : current_keys(store, experiment)) {
    auto run = stored_run(store, key);
    if (!run) continue;
    run->experiment = experiment;
    cells[file_name(*run, taken)] = cell_json(*run, shared, latencies);
    ++exported.cells;
  }
  if (exported.cells == 0) return exported;
  // Cells that an earlier export left and this store does not have keep the documents they name.
  std::error_code ignored;
  if (std::filesystem::exists(own / shared_name, ignored)) {
    const Json before = read_json(own / shared_name);
    for (const char* kind : {"manifests", "environments", "builds", "parameters"})
      if (before.is_object() && before.contains(kind))
        for (const auto& [name, document] : before.at(kind).items()) shared[kind].emplace(name, document);
  }
  core::write_file_atomically(own / shared_name, lines(shared));
  for (const auto& [name, cell] : cells) core::write_file_atomically(own / name, lines(cell));
  for (const auto& file : std::filesystem::directory_iterator(own))
    if (file.is_regular_file()) exported.bytes += file.file_size();
  return exported;
}

std::vector<RunRecord> read_published(const std::filesystem::path& path) {
  std::vector<std::filesystem::path> files;
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path))
      if (entry.is_regular_file() && entry.path().extension() == ".json" && entry.path().filename() != shared_name)
        files.push_back(entry.path());
  } else if (std::filesystem::exists(path, error)) {
    files.push_back(path);
  } else {
    throw Error(ExitCode::usage, path.string(), "does not exist", "name a folder that `automask db export` wrote");
  }
  if (files.empty())
    throw Error(ExitCode::nothing_ran, path.string(), "holds no published cells",
                "name a folder that `automask db export` wrote");
  std::sort(files.begin(), files.end());
  std::map<std::filesystem::path, Json> shared;
  std::map<std::string, std::filesystem::path> seen;
  std::vector<RunRecord> runs;
  for (const auto& file : files) {
    const auto folder = file.parent_path();
    if (!shared.contains(folder)) {
      if (!std::filesystem::exists(folder / shared_name, error))
        throw Error(ExitCode::corrupt, file.string(), std::string("stands without ") + shared_name + " beside it",
                    "copy the whole folder that `automask db export` wrote");
      shared[folder] = read_json(folder / shared_name);
    }
    const Json cell = read_json(file);
    runs.push_back(run_of({cell, file.string(), "", ExitCode::corrupt},
                          {shared[folder], (folder / shared_name).string(), "", ExitCode::corrupt}));
    runs.back().origin = (folder.filename() / file.filename()).generic_string();
    if (const auto [other, added] = seen.emplace(runs.back().key, file); !added)
      throw Error(ExitCode::corrupt, file.string(), "has the same key as " + other->second.string(),
                  "remove one of them");
  }
  return runs;
}

std::vector<Imported> imported_runs(const Store& store) {
  std::vector<Imported> runs;
  for (const auto& row : query(store,
                               "SELECT portable_key, key, origin FROM run WHERE newest = 1 AND origin <> '' AND "
                               "portable_key <> '' AND state IN ('passed', 'unsupported') ORDER BY id")
                             .rows)
    runs.push_back({row[0].get<std::string>(), row[1].get<std::string>(), row[2].get<std::string>()});
  return runs;
}

}  // namespace automask::results
