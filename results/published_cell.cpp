#include "results/published_cell.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <limits>
#include <map>
#include <optional>
#include <set>

#include "core/digest_text.h"
#include "results/schema.h"
#include "results/statistics.h"

namespace automask::results {
namespace {

using core::ExitCode;
using core::Json;
using core::JsonCursor;

constexpr std::size_t curve_points = 6;
constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

constexpr int digits = 8, few_digits = 6;  // few: ends of intervals, and what a training says of itself

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
  if (json.is_number_float()) return shortened(json.get<double>(), few_digits);
  if (json.is_object()) {
    Json object = Json::object();
    for (const auto& [key, value] : json.items())
      if (key != "learning_rates")  // they follow from the options
        object[key] = shortened(value, key == "losses" || key == "cuts");
    return object;
  }
  if (!json.is_array()) return json;
  Json array = Json::array();
  const std::size_t size = json.size(), points = curve ? std::min(size, curve_points) : size;
  for (std::size_t i = 0; i < points; ++i)  // the first and the last are among them
    array.push_back(shortened(json[points < 2 ? i : i * (size - 1) / (points - 1)]));
  return array;
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

constexpr const char* shares_mark = "%";
constexpr const char* spread_mark = "+-";
constexpr const char* plain_mark = "=";

// [value, n] or [value, n, low, high]; [value, n, d] for an interval of value - d to value + d; [hits, n, "%"] for a
// share in percent with Wilson's interval, which says all. `in_short`: a value alone where it is of one.
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
      return {whole, metric.n, shares_mark};
  }
  const double value = numbers[0].is_number() ? numbers[0].get<double>() : unknown;
  const Json spread = shortened(metric.ci_hi - value);
  if (spread.is_number() && shortened(value - spread.get<double>()) == low &&
      shortened(value + spread.get<double>()) == high)
    return {numbers[0], metric.n, shortened(metric.ci_hi - value, few_digits)};
  numbers.push_back(shortened(metric.ci_lo, few_digits));
  numbers.push_back(shortened(metric.ci_hi, few_digits));
  return numbers;
}

Json in_short(const Json& numbers) { return numbers.size() == 2 && numbers[1] == 1 ? numbers[0] : numbers; }

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

Metric with_spread(const JsonCursor& value, const JsonCursor& n, const JsonCursor& spread) {
  Metric metric;
  metric.n = n.integer();
  metric.value = value.number();
  metric.ci_lo = metric.value - spread.number();
  metric.ci_hi = metric.value + spread.number();
  return metric;
}

Metric plain_number(const JsonCursor& value, std::int64_t n) {
  Metric metric;
  metric.n = n;
  metric.value = value.number();
  metric.ci_lo = metric.ci_hi = unknown;
  return metric;
}

Metric metric_of(const JsonCursor& numbers) {
  if (numbers.value().is_number()) return plain_number(numbers, 1);
  const std::size_t size = numbers.value().is_array() ? numbers.size() : 0;
  if (size < 2 || size > 4)
    numbers.fail("must be a value, [value, n], [value, n, low, high], [value, n, spread] or [hits, n, \"%\"]");
  if (size == 3 && numbers.at(2).value().is_number()) return with_spread(numbers.at(0), numbers.at(1), numbers.at(2));
  if (size == 3) {
    if (numbers.at(2).string() != shares_mark) numbers.at(2).fail("must be \"%\" or a number");
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

// The sorted conditions that metrics have, of several lists the one that is longest to repeat: they are named once.
std::vector<std::string> common_conditions(const std::map<std::string, std::map<std::string, ByCondition>>& metrics) {
  std::map<std::vector<std::string>, std::size_t> lists;  // and the characters of their names in all metrics
  for (const auto& [evidence, names] : metrics)
    for (const auto& [name, conditions] : names) {
      std::vector<std::string> list;
      std::size_t characters = 0;
      for (const auto& [condition, numbers] : conditions) {
        list.push_back(condition);
        characters += condition.size();
      }
      if (characters > 0) lists[list] += characters;
    }
  const auto most =
      std::max_element(lists.begin(), lists.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == lists.end() ? std::vector<std::string>() : most->first;
}

// Of all conditions in their order: ["%", 1000, 812, ...] where all are shares of as many pictures, ["+-", 1000, 64.2,
// 1.6, ...] where all are numbers and spreads of as many, ["=", 1000, 64.2, ...] where none has an interval,
// {"*": numbers} where all are the same, else the numbers of each.
Json numbers_of_all(const ByCondition& by_condition) {
  const Json& first = by_condition.begin()->second;
  Json same = {{"*", in_short(first)}}, shares = {shares_mark, first[1]}, spreads = {spread_mark, first[1]},
       plain = {plain_mark, first[1]}, all = Json::array();
  for (const auto& [condition, numbers] : by_condition) {
    const bool three = numbers.size() == 3 && numbers[1] == first[1];
    if (numbers != first) same = Json();
    if (!three || numbers[2] != shares_mark) shares = Json();
    if (!three || !numbers[2].is_number()) spreads = Json();
    if (!shares.is_null()) shares.push_back(numbers[0]);
    if (!spreads.is_null()) spreads.insert(spreads.end(), {numbers[0], numbers[2]});
    if (numbers.size() != 2 || numbers[1] != first[1]) plain = Json();
    if (!plain.is_null()) plain.push_back(numbers[0]);
    all.push_back(numbers);
  }
  for (const Json& shorter : {shares, same, spreads, plain})
    if (!shorter.is_null()) return shorter;
  return all;
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
      const bool all =
          by_condition.size() == common.size() &&
          std::all_of(common.begin(), common.end(), [&its = by_condition](const auto& c) { return its.count(c); });
      if (by_condition.size() == 1 && by_condition.begin()->first.empty()) {
        entry = in_short(by_condition.begin()->second);
      } else if (all) {
        entry = numbers_of_all(by_condition);
      } else {
        for (const auto& [condition, numbers] : by_condition) entry[condition] = in_short(numbers);
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
      } else if (list && entry.value().front() == spread_mark) {
        if (entry.size() % 2 != 0) entry.fail("must have a number and a spread for each condition");
        check_size((entry.size() - 2) / 2);
        for (std::size_t i = 0; i < conditions.size(); ++i)
          add(conditions.at(i).string(), with_spread(entry.at(2 * i + 2), entry.at(1), entry.at(2 * i + 3)));
      } else if (list && entry.value().front() == plain_mark) {
        check_size(entry.size() - std::min<std::size_t>(entry.size(), 2));
        for (std::size_t i = 0; i < conditions.size(); ++i)
          add(conditions.at(i).string(), plain_number(entry.at(i + 2), entry.at(1).integer()));
      } else if (list && entry.value().front() == shares_mark) {
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

// What a training says of its options, of validation pictures and of budgets stands in the cell already: there a mark
// stands for it.
constexpr const char* its_parameters = "parameters";
constexpr const char* its_metrics = "metrics";
constexpr std::array<std::pair<const char*, const char*>, 2> kept_as_metrics = {
    {{"validation_top1", "top1_validation"}, {"mac_share", "macs_share"}}};

// A metric by condition, as a training's record has it; null of no conditions.
Json by_condition(const RunRecord& run, const std::string& name) {
  Json values;
  for (const Metric& metric : run.metrics)
    if (metric.name == name) values[metric.condition] = shortened(metric.value, few_digits);
  return values;
}

Json training_json(const RunRecord& run) {
  Json training = shortened(run.training);
  if (!training.is_object()) return training;
  if (run.training.value("options", Json()) == run.method_parameters) training["options"] = its_parameters;
  for (const auto& [key, metric] : kept_as_metrics)
    if (training.contains(key) && training[key] == by_condition(run, metric)) training[key] = its_metrics;
  return training;
}

// `cursor`: what names the training.
Json training_of(const RunRecord& run, Json training, const JsonCursor& cursor) {
  if (!training.is_object()) return training;
  if (training.value("options", Json()) == its_parameters) training["options"] = run.method_parameters;
  for (const auto& [key, metric] : kept_as_metrics)
    if (training.value(key, Json()) == its_metrics) {
      training[key] = by_condition(run, metric);
      if (training[key].is_null())
        cursor.fail(std::string("has its ") + key + " in the metric " + metric + ", which the cell lacks",
                    "export the cell again");
    }
  return training;
}

// 40 hexadecimal digits, a dash, 23 more (harness/plan.h): those of a digest, but for the dash and the last.
constexpr std::size_t portable_key_size = 64, dash = 40;

std::string short_portable_key(const std::string& key) {
  if (key.size() != portable_key_size || key[dash] != '-') return key;
  const std::string hex = key.substr(0, dash) + key.substr(dash + 1) + '0', text = core::digest_base64(hex);
  return text == hex ? key : text;
}

std::string portable_key_of(const std::string& text) {
  const std::string hex = core::digest_hex(text);
  if (hex == text || hex.back() != '0') return text;
  return hex.substr(0, dash) + '-' + hex.substr(dash, portable_key_size - dash - 1);
}

// Seconds since 1970 of 2026-11-24T09:00:00Z; nothing of what is written otherwise.
constexpr const char* utc_format = "%Y-%m-%dT%H:%M:%SZ";

std::string utc(std::int64_t seconds) {
  const auto time = static_cast<std::time_t>(seconds);
  std::tm parts{};
  std::array<char, 32> text{};
  if (::gmtime_r(&time, &parts) == nullptr || std::strftime(text.data(), text.size(), utc_format, &parts) == 0)
    return {};
  return text.data();
}

std::optional<std::int64_t> seconds_of(const std::string& text) {
  std::tm parts{};
  if (::strptime(text.c_str(), utc_format, &parts) == nullptr) return {};
  const std::int64_t seconds = ::timegm(&parts);
  return utc(seconds) == text ? std::optional(seconds) : std::nullopt;
}

// When a run ended: seconds after it began, or as it stands.
Json finished_json(const RunRecord& run) {
  const auto started = seconds_of(run.started), finished = seconds_of(run.finished);
  return started && finished ? Json(*finished - *started) : Json(run.finished);
}

std::string finished_of(const JsonCursor& finished, const std::string& started) {
  if (!finished.value().is_number()) return finished.string();
  constexpr std::int64_t century = 100LL * 366 * 24 * 3600;
  const std::int64_t later = finished.integer_in(-century, century);
  const auto seconds = seconds_of(started);
  if (!seconds) finished.fail("counts from when the run started, and that is no time", "export the cell again");
  return utc(*seconds + later);
}

// Where the data lay on one machine says nothing on another.
Json without_paths(Json manifest) {
  if (manifest.is_object() && manifest.contains("datasets") && manifest["datasets"].is_object())
    for (auto& [name, dataset] : manifest["datasets"].items())
      if (dataset.is_object()) dataset.erase("path");
  return manifest;
}

}  // namespace

Json cell_json(const RunRecord& run, SharedDocuments& shared, bool latencies) {
  Json environment = run.environment;
  // Temperatures and loads: as many documents as runs.
  if (environment.is_object()) environment.erase("timing");
  if (environment.is_object() && environment.contains("device") && environment["device"].is_object())
    environment["device"].erase("state");
  Json artifacts = Json::array();
  for (const Artifact& artifact : run.artifacts)
    if (artifact.kind != "variant")  // as many as conditions, and the manifest makes the same again
      artifacts.push_back({artifact.kind, std::filesystem::path(artifact.path).filename().generic_string(),
                           artifact.bytes, core::digest_base64(artifact.sha256)});
  // The digest is of what the manifest was with its paths.
  Json manifest;
  if (!run.manifest.is_null())
    manifest = {{"sha256", core::digest_base64(run.manifest_sha256)}, {"document", without_paths(run.manifest)}};
  Json conditions;
  Json metrics = metrics_json(run.metrics, latencies, conditions);
  // What is counted is a network's and the pictures' own: seeds and experiments have it in common.
  const Json counted = metrics.value("counted", Json());
  metrics.erase("counted");
  Json cell = {{"experiment", run.experiment},
               {"dataset", run.dataset},
               {"model", run.model},
               {"method", run.method},
               {"target", run.target},
               {"seed", run.seed},
               {"parameters", shared.put("parameters", run.method_parameters)},
               {"key", core::digest_base64(run.key)},
               {"portable_key", short_portable_key(run.portable_key)},
               {"state", run.state},
               {"started", run.started},
               {"finished", finished_json(run)},
               {"manifest", shared.put("manifests", manifest)},
               {"environment", shared.put("environments", environment)},
               {"build", shared.put("builds", run.build)},
               {"conditions", shared.put("conditions", conditions)},
               {"metrics", metrics},
               {"counted", shared.put("counted", counted)},
               {"artifacts", artifacts},
               {"training", shared.put("trainings", training_json(run))}};
  if (!run.reason.empty()) cell["reason"] = run.reason;
  return cell;
}

RunRecord run_of(const JsonCursor& cell, const SharedDocuments& shared) {
  cell.only_keys({"experiment",  "dataset",      "model",      "method",  "target",  "seed",      "parameters",
                  "key",         "portable_key", "state",      "reason",  "started", "finished",  "manifest",
                  "environment", "build",        "conditions", "metrics", "counted", "artifacts", "training"});
  RunRecord run;
  run.experiment = cell.at("experiment").string();
  // An export makes a folder of that name.
  if (const auto folder = std::filesystem::absolute(cell.file()).lexically_normal().parent_path().filename();
      run.experiment != folder.string())
    cell.at("experiment")
        .fail("is \"" + run.experiment + "\", and its file lies in a folder " + folder.string(),
              "leave cells where `automask db export` put them");
  run.dataset = cell.at("dataset").string();
  run.model = cell.at("model").string();
  run.method = cell.at("method").string();
  run.target = cell.at("target").string();
  run.seed = cell.at("seed").integer();
  run.method_parameters = shared.get("parameters", cell.at("parameters"));
  if (!run.method_parameters.is_object()) cell.at("parameters").fail("must name an object of parameters");
  run.key = core::digest_hex(cell.at("key").string());
  if (run.key.empty()) cell.at("key").fail("is empty");
  run.portable_key = portable_key_of(cell.at("portable_key").string());
  run.state = cell.at("state").string();
  run.reason = cell.string_or("reason", "");
  run.started = cell.at("started").string();
  run.finished = finished_of(cell.at("finished"), run.started);
  if (const Json manifest = shared.get("manifests", cell.at("manifest")); !manifest.is_null()) {
    const JsonCursor cursor(manifest, SharedDocuments::file_name, "/manifests/" + cell.at("manifest").string(),
                            ExitCode::corrupt);
    cursor.only_keys({"sha256", "document"});
    run.manifest_sha256 = core::digest_hex(cursor.at("sha256").string());
    run.manifest = cursor.at("document").value();
    if (!run.manifest.is_object()) cursor.at("document").fail("must be an object", "export the cells again");
  }
  run.environment = shared.get("environments", cell.at("environment"));
  run.build = shared.get("builds", cell.at("build"));
  Json metrics = cell.at("metrics").value();
  if (!metrics.is_object()) cell.at("metrics").fail("must be an object");
  if (metrics.contains("counted")) cell.at("metrics").at("counted").fail("stands among the shared documents");
  if (Json counted = shared.get("counted", cell.at("counted")); !counted.is_null())
    metrics["counted"] = std::move(counted);
  const Json conditions = shared.get("conditions", cell.at("conditions"));
  run.metrics = metrics_of({metrics, cell.file(), cell.at("metrics").pointer(), ExitCode::corrupt},
                           {conditions, cell.file(), cell.at("conditions").pointer(), ExitCode::corrupt});
  const JsonCursor artifacts = cell.at("artifacts");
  for (std::size_t i = 0; i < artifacts.size(); ++i)
    run.artifacts.push_back({core::digest_hex(artifacts.at(i).at(3).string()), artifacts.at(i).at(0).string(),
                             artifacts.at(i).at(1).string(), artifacts.at(i).at(2).integer()});
  run.training = training_of(run, shared.get("trainings", cell.at("training")), cell.at("training"));
  return run;
}

}  // namespace automask::results
