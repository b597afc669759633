#include "harness/explain.h"

#include <algorithm>
#include <array>
#include <map>
#include <numeric>
#include <optional>
#include <set>

namespace automask::harness {
namespace {

using core::Json;
using Fields = std::map<std::string, std::string>;  // what decides a key, flat: name -> value as text

constexpr std::size_t compared_entries = 64;  // newest finished steps of a stage that a miss is compared with

// Flattens, but keeps arrays whole: "one condition more" reads better than shifted elements.
void flatten(const Json& json, const std::string& pointer, Fields& fields) {
  if (!json.is_object()) {
    fields[pointer] = json.dump();
    return;
  }
  for (const auto& [key, value] : json.items()) flatten(value, (Json::json_pointer(pointer) / key).to_string(), fields);
}

Fields fields_of(const Json& step) {
  Fields fields;
  flatten(step.at("parameters"), "", fields);
  fields["code version"] = step.at("code_version").dump();
  for (const Json& input : step.at("inputs"))
    fields["input " + input.at(0).get<std::string>()] = input.at(1).get<std::string>();
  return fields;
}

struct Difference {
  std::string field;
  std::optional<std::string> before, after;
};

std::vector<Difference> compare(const Fields& before, const Fields& after) {
  std::vector<Difference> found;
  auto b = before.begin();
  auto a = after.begin();
  while (b != before.end() || a != after.end()) {
    if (a == after.end() || (b != before.end() && b->first < a->first)) {
      found.push_back({b->first, b->second, std::nullopt});
      ++b;
    } else if (b == before.end() || a->first < b->first) {
      found.push_back({a->first, std::nullopt, a->second});
      ++a;
    } else {
      if (a->second != b->second) found.push_back({a->first, b->second, a->second});
      ++a;
      ++b;
    }
  }
  return found;
}

bool is_input(const Difference& difference) { return difference.field.rfind("input ", 0) == 0; }

std::string shortened(const std::string& text) {
  constexpr std::size_t most = 160;
  return text.size() <= most ? text : text.substr(0, most) + "...";
}

std::string tell(const Difference& difference) {
  if (is_input(difference)) {
    if (!difference.before) return difference.field + ": new";
    if (!difference.after) return difference.field + ": no longer used";
    return difference.field + ": " + difference.before->substr(0, 10) + " -> " + difference.after->substr(0, 10);
  }
  return difference.field + ": " + shortened(difference.before.value_or("(none)")) + " -> " +
         shortened(difference.after.value_or("(none)"));
}

// Former steps of one stage.
struct History {
  std::vector<Cache::Entry> entries;
  std::vector<Fields> fields;
  double seconds = 0;  // mean
  std::int64_t bytes = 0;
};

History read_history(const Cache& cache, Stage stage) {
  History history;
  for (Cache::Entry& entry : cache.newest(stage, compared_entries)) {
    try {
      history.fields.push_back(fields_of(entry.step));
    } catch (const Json::exception&) {
      continue;
    }
    history.entries.push_back(std::move(entry));
  }
  for (const Cache::Entry& entry : history.entries) {
    history.seconds += entry.seconds / static_cast<double>(history.entries.size());
    history.bytes += entry.bytes / static_cast<std::int64_t>(history.entries.size());
  }
  return history;
}

// By steps of the same kind and their amounts; where none has run by the stage's mean; else by a guess.
void estimate(const Step& step, const History& history, StepStatus& status) {
  double seconds = 0, amount = 0;
  for (const Cache::Entry& entry : history.entries) {
    const Work work = work_from_json(entry.step.value("work", Json()));
    if (work.amount <= 0 || work.kind != step.work.kind) continue;
    seconds += entry.seconds;
    amount += work.amount;
  }
  status.estimated = !history.entries.empty();
  status.bytes = step.work.bytes > 0 ? static_cast<std::int64_t>(step.work.bytes) : history.bytes;
  if (amount > 0 && step.work.amount > 0) {
    status.seconds = seconds * step.work.amount / amount;
  } else if (status.estimated) {
    status.seconds = history.seconds;
  } else if (step.work.amount > 0 && step.work.guessed_rate > 0) {
    status.guessed = true;
    status.seconds = step.work.amount / step.work.guessed_rate;
  }
}

std::string explain_miss(const Step& step, const History& history, const std::map<std::string, std::string>& labels) {
  if (history.entries.empty()) return "no " + std::string(to_string(step.stage)) + " step has finished in this store";
  const Fields now = fields_of(to_json(step));
  std::vector<Difference> nearest;
  const Cache::Entry* entry = nullptr;
  // Fields of its own weigh more than inputs, which differ for many reasons.
  const auto weight = [](const std::vector<Difference>& differences) {
    return std::accumulate(differences.begin(), differences.end(), 0,
                           [](int sum, const Difference& d) { return sum + (is_input(d) ? 1 : 2); });
  };
  int least = 0;
  for (std::size_t i = 0; i < history.entries.size(); ++i) {
    std::vector<Difference> differences = compare(history.fields[i], now);
    // Of equally near ones the step that stood for the same cell.
    const int distance = 2 * weight(differences) + (history.entries[i].step.value("label", "") != step.label);
    if (entry != nullptr && distance >= least) continue;
    least = distance;
    nearest = std::move(differences);
    entry = &history.entries[i];
  }
  std::string text;
  for (const Difference& difference : nearest) {
    text += text.empty() ? "" : "; ";
    const auto label = difference.after && is_input(difference) ? labels.find(*difference.after) : labels.end();
    text += label == labels.end() ? tell(difference) : difference.field + ": made anew by " + label->second;
  }
  if (text.empty()) return "its result is damaged or was removed";
  return text + " (nearest: " + entry->step.value("label", "") + ", " + entry->step.value("key", "").substr(0, 10) +
         ")";
}

}  // namespace

std::vector<std::string> differences(const Json& former, const Json& now) {
  std::vector<std::string> sentences;
  for (const Difference& difference : compare(fields_of(former), fields_of(now))) sentences.push_back(tell(difference));
  return sentences;
}

std::vector<StepStatus> inspect(const Plan& plan, const Cache& cache, bool explain) {
  std::vector<StepStatus> statuses(plan.steps.size());
  std::map<Stage, History> histories;
  std::map<std::string, std::string> made_anew;  // key -> label of steps to do
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    const Step& step = plan.steps[i];
    StepStatus& status = statuses[i];
    if (const auto result = cache.find(step)) {
      status.hit = true;
      status.seconds = result->seconds;
      status.bytes = result->bytes;
      continue;
    }
    auto history = histories.find(step.stage);
    if (history == histories.end()) history = histories.emplace(step.stage, read_history(cache, step.stage)).first;
    estimate(step, history->second, status);
    if (!explain) continue;
    made_anew[step.key] = step.label;
    if (const auto failure = cache.last_failure(step))
      status.why = "its last attempt failed: " + *failure;
    else if (cache.is_locked(step))
      status.why = "another run is doing it now";
    else
      status.why = explain_miss(step, history->second, made_anew);
  }
  return statuses;
}

}  // namespace automask::harness
