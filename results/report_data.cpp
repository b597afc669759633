#include "results/report_data.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>
#include <set>
#include <tuple>

#include "core/error.h"
#include "results/query.h"
#include "results/statistics.h"

namespace automask::results {
namespace {

using core::Json;

constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

struct Recorded {
  double value, low, high;
  std::string evidence, run;
};

double number_or_nan(const Json& value) { return value.is_null() ? unknown : value.get<double>(); }

void add_once(std::vector<std::string>& list, const std::string& text) {
  if (std::find(list.begin(), list.end(), text) == list.end()) list.push_back(text);
}

Number over_seeds(const std::vector<Recorded>& recorded, const std::string& unit) {
  Number number;
  number.known = true;
  number.seeds = static_cast<int>(recorded.size());
  std::vector<double> values;
  for (const Recorded& one : recorded) {
    values.push_back(one.value);
    add_once(number.evidences, one.evidence);
    add_once(number.runs, one.run);
  }
  std::sort(number.evidences.begin(), number.evidences.end());
  if (values.size() == 1) {
    number.value = values[0];
    number.low = recorded[0].low;
    number.high = recorded[0].high;
    return number;
  }
  const MeanInterval mean = mean_interval(values);
  number.value = mean.mean;
  number.low = mean.interval.low;
  number.high = mean.interval.high;
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  if (number.evidences == std::vector<std::string>{"counted"} && *most - *least <= 1e-9 * std::abs(*most)) {
    number.low = number.high = unknown;  // counted, and the same for every seed: exact
  } else {
    number.low = std::max(number.low, 0.0);  // nothing here can be negative
    if (unit == "%") number.high = std::min(number.high, 100.0);
  }
  return number;
}

// The mean over conditions. Of several seeds: the t interval of each seed's mean. Of one: the mean of the bounds,
// which is cautious: all conditions are tested on the same pictures, so their errors need not cancel.
Number over_conditions(const std::set<std::string>& conditions,
                       const std::map<std::string, std::vector<Recorded>>& by_condition, const std::string& unit) {
  std::map<std::string, std::vector<const Recorded*>> by_run;
  for (const std::string& condition : conditions) {
    const auto found = by_condition.find(condition);
    if (found == by_condition.end()) return {};
    for (const Recorded& one : found->second) by_run[one.run].push_back(&one);
  }
  std::vector<Recorded> means;
  std::vector<std::string> evidences;
  for (const auto& [run, parts] : by_run) {
    if (parts.size() != conditions.size()) return {};
    Recorded mean{0, 0, 0, parts.front()->evidence, run};
    for (const Recorded* part : parts) {
      const double share = 1 / static_cast<double>(parts.size());
      mean.value += share * part->value;
      mean.low += share * part->low;
      mean.high += share * part->high;
      add_once(evidences, part->evidence);
    }
    means.push_back(mean);
  }
  if (means.empty()) return {};
  Number number = over_seeds(means, unit);
  std::sort(evidences.begin(), evidences.end());
  number.evidences = evidences;  // all parts', not only the first's
  return number;
}

// All that was recorded for one method in one section.
struct Raw {
  std::string method;
  Json parameters;
  std::string condition_source;
  std::vector<std::string> runs;
  std::map<std::string, std::map<std::string, std::vector<Recorded>>> metrics;
};

// What runs besides the network at each inference counts among its multiply-accumulates.
void add_macs(Raw& row, const char* extra) {
  const auto found = row.metrics.find(extra);
  if (found == row.metrics.end()) return;
  for (const Recorded& more : found->second.begin()->second)
    for (auto& [condition, recorded] : row.metrics["macs"])
      for (Recorded& one : recorded)
        if (one.run == more.run) one.value += more.value;
}

bool has_widths(const Raw& row) {
  const auto macs = row.metrics.find("macs");
  if (macs == row.metrics.end()) return false;
  const auto is_width = [](const auto& set) { return set.first.starts_with("width:"); };
  return std::any_of(macs->second.begin(), macs->second.end(), is_width);
}

// Widths are no conditions: the first serves all pictures, and its MACs are recorded as the mean.
void as_one_network(Raw& row) {
  const auto& macs = row.metrics["mean_macs"];
  const auto& dense = row.metrics["macs_dense"];  // the same for all seeds
  row.metrics["macs"] = macs;
  auto& shares = row.metrics["macs_share"];
  shares.clear();
  if (dense.empty()) return;
  shares = macs;
  for (auto& [all, recorded] : shares)
    for (Recorded& one : recorded) one.value /= dense.begin()->second.front().value;
}

// A camera tells no condition: what a network with several sets reaches is what it reaches with the predicted one.
void as_deployed(Raw& row) {
  const auto predicted = row.metrics.find("predicted_top1"), given = row.metrics.find("top1");
  if (predicted == row.metrics.end() || given == row.metrics.end()) return;
  for (const auto& [condition, recorded] : given->second) {
    const auto same = predicted->second.find(condition);
    if (same == predicted->second.end() || same->second.size() != recorded.size()) return;
  }
  row.metrics["given_top1"] = given->second;
  row.metrics["top1"] = predicted->second;
  row.condition_source = "predicted";
}

// Names alone where they tell the rows apart; else with the parameters that differ.
std::vector<std::string> labels(const std::vector<Raw>& rows) {
  std::vector<std::string> names;
  for (const Raw& row : rows) {
    std::set<std::string> keys;
    for (const Raw& other : rows) {
      if (other.method != row.method) continue;
      const Json patch = Json::diff(row.parameters, other.parameters);
      for (const Json& change : patch) keys.insert(change.at("path").get<std::string>());
    }
    std::string name = row.method;
    std::string differing;
    for (const std::string& key : keys) {
      const Json::json_pointer pointer(key);
      if (!row.parameters.contains(pointer)) continue;
      differing += (differing.empty() ? "" : ", ") + key.substr(1) + " " + row.parameters.at(pointer).dump();
    }
    if (!differing.empty()) name.append(" (").append(differing).append(")");
    names.push_back(name);
  }
  return names;
}

std::vector<Section> gather_sections(const Store& store, const std::string& experiment,
                                     const std::map<std::string, std::string>& units) {
  const Table table =
      query(store,
            "SELECT k.dataset, k.model, k.target, k.method, k.parameters, k.condition_source, k.run, "
            "m.name, m.condition, m.value, m.ci_lo, m.ci_hi, m.evidence "
            "FROM current_passed k JOIN metric m ON m.run_id = k.run_id WHERE k.experiment = :experiment "
            "ORDER BY k.position, k.run_id, k.method, m.name, m.condition",
            {{"experiment", experiment}});
  std::vector<std::pair<Section, std::vector<Raw>>> sections;
  for (const std::vector<Json>& row : table.rows) {
    const auto text = [&](std::size_t column) -> const std::string& {
      return row[column].get_ref<const std::string&>();
    };
    auto section = std::find_if(sections.begin(), sections.end(), [&](const auto& s) {
      return s.first.dataset == text(0) && s.first.model == text(1) && s.first.target == text(2);
    });
    if (section == sections.end()) {
      sections.push_back({Section{text(0), text(1), text(2), {}, {}}, {}});
      section = sections.end() - 1;
    }
    std::vector<Raw>& methods = section->second;
    // By the run first, which is cheap; parameters are compared once per run.
    auto method = std::find_if(methods.begin(), methods.end(), [&](const Raw& raw) {
      return raw.method == text(3) && !raw.runs.empty() && raw.runs.back() == text(6);
    });
    if (method == methods.end()) {
      const Json parameters = Json::parse(text(4));
      method = std::find_if(methods.begin(), methods.end(),
                            [&](const Raw& raw) { return raw.method == text(3) && raw.parameters == parameters; });
      if (method == methods.end()) {
        methods.push_back({text(3), parameters, text(5), {}, {}});
        method = methods.end() - 1;
      }
      add_once(method->runs, text(6));
    }
    method->metrics[text(7)][text(8)].push_back(
        {row[9].get<double>(), number_or_nan(row[10]), number_or_nan(row[11]), text(12), text(6)});
  }

  std::vector<Section> done;
  for (auto& [section, rows] : sections) {
    for (Raw& row : rows) {
      if (has_widths(row))
        as_one_network(row);
      else
        add_macs(row, "adaptation_macs");  // which mean_macs holds already
      add_macs(row, "estimator_macs");
      as_deployed(row);
    }
    std::map<std::string, std::set<std::string>> conditions;  // of each metric
    for (const Raw& row : rows)
      for (const auto& [name, by_condition] : row.metrics)
        for (const auto& [condition, unused] : by_condition) {
          if (condition.empty()) continue;
          conditions[name].insert(condition);
          add_once(section.conditions, condition);
        }
    std::sort(section.conditions.begin(), section.conditions.end(), [](const std::string& a, const std::string& b) {
      if ((a == "clean") != (b == "clean")) return a == "clean";
      return natural_less(a, b);
    });
    const std::vector<std::string> names = labels(rows);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      MethodRow method{names[i], rows[i].condition_source, rows[i].runs, {}, {}};
      for (const auto& [name, by_condition] : rows[i].metrics) {
        const std::string unit = name == "given_top1" ? "%" : units.at(name);
        for (const auto& [condition, recorded] : by_condition)
          method.metrics[name][condition] = over_seeds(recorded, unit);
        // Measured once for the network as a whole, it holds for all conditions.
        method.means[name] = by_condition.contains("") ? method.metrics[name][""]
                                                       : over_conditions(conditions[name], by_condition, unit);
      }
      section.methods.push_back(std::move(method));
    }
    done.push_back(std::move(section));
  }
  return done;
}

// Documents in the order the runs name them, each once.
class Ordinals {
 public:
  explicit Ordinals(std::vector<Json>& documents) : documents_(documents) {}
  std::int64_t of(const Json& text) {
    if (text.is_null()) return 0;
    const auto [found, added] =
        known_.try_emplace(text.get<std::string>(), static_cast<std::int64_t>(known_.size()) + 1);
    if (added) documents_.push_back(Json::parse(found->first));
    return found->second;
  }

 private:
  std::vector<Json>& documents_;
  std::map<std::string, std::int64_t> known_;
};

}  // namespace

bool natural_less(const std::string& a, const std::string& b) {
  const auto digit = [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; };
  std::size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (digit(a[i]) && digit(b[j])) {
      const auto number = [&](const std::string& text, std::size_t& at) {
        while (at < text.size() && text[at] == '0') ++at;
        const std::size_t begin = at;
        while (at < text.size() && digit(text[at])) ++at;
        return text.substr(begin, at - begin);
      };
      const std::string x = number(a, i), y = number(b, j);
      if (x.size() != y.size()) return x.size() < y.size();
      if (x != y) return x < y;
    } else {
      if (a[i] != b[j]) return a[i] < b[j];
      ++i;
      ++j;
    }
  }
  return std::tuple(a.size() - i, a) < std::tuple(b.size() - j, b);
}

const Number& MethodRow::metric(const std::string& name, const std::string& condition) const {
  static const Number none;
  const auto found = metrics.find(name);
  if (found == metrics.end()) return none;
  const auto number = found->second.find(condition);
  return number == found->second.end() ? none : number->second;
}

const Number& MethodRow::mean(const std::string& name) const {
  static const Number none;
  const auto found = means.find(name);
  return found == means.end() ? none : found->second;
}

ReportData gather(const Store& store, const std::string& experiment) {
  ReportData data;
  data.experiment = experiment;
  data.schema = schema_version();
  const Table known = query(store, "SELECT name, coalesce(manifest_sha256, '') FROM experiment ORDER BY name");
  std::vector<std::string> names;
  bool found = false;
  for (const std::vector<Json>& row : known.rows) {
    names.push_back(row[0].get<std::string>());
    if (names.back() != experiment) continue;
    found = true;
    data.manifest_sha256 = row[1].get<std::string>();
  }
  if (!found)
    throw core::Error(core::ExitCode::usage, "report", "no experiment named \"" + experiment + "\" is stored",
                      names.empty() ? "run one first" : core::suggestion(experiment, names));

  std::map<std::string, std::string> units;
  for (const std::vector<Json>& row : query(store, "SELECT name, unit FROM metric_def").rows)
    units[row[0].get<std::string>()] = row[1].get<std::string>();
  data.sections = gather_sections(store, experiment, units);

  Ordinals environments(data.environments), builds(data.builds);
  const Table runs =
      query(store,
            "SELECT k.run, k.dataset, k.model, k.method, k.target, k.state, k.reason, k.started, "
            "k.finished, k.seed, k.attempts, e.document, b.document FROM runs k "
            "JOIN run r ON r.key = k.run AND r.newest = 1 LEFT JOIN environment e ON e.id = r.environment_id "
            "LEFT JOIN build b ON b.id = r.build_id WHERE k.experiment = :experiment "
            "ORDER BY k.position, k.run, k.method",
            {{"experiment", experiment}});
  for (const std::vector<Json>& row : runs.rows) {
    const auto text = [&](std::size_t column) { return row[column].get<std::string>(); };
    data.runs.push_back({text(0), text(1), text(2), text(3), text(4), text(5), text(6), text(7), text(8),
                         row[9].get<std::int64_t>(), row[10].get<std::int64_t>(), environments.of(row[11]),
                         builds.of(row[12])});
  }
  return data;
}

}  // namespace automask::results
