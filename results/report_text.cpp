#include "results/report_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace automask::results {

const char* const reading_note =
    "The masking algorithm is this project's own reading of the abstract of “When Deep Learning Meets the Edge: "
    "Auto-Masking Deep Neural Networks for Efficient Machine Learning on Edge Devices” (ICCD 2019), the only part of "
    "it "
    "that is public; no number here is that paper's.";

const char* const interval_note =
    "Brackets are 95 % intervals. One seed: Wilson's interval for the pictures tested; it says nothing about how "
    "another training run would end. Several seeds: Student's t interval of their mean. The mean over conditions of "
    "one "
    "seed has the mean of the conditions' bounds, which is on the wide side because all conditions share their "
    "pictures. The best of a column is marked; where intervals overlap, the data do not settle which is better.";

const char* const latency_note =
    "Time of one inference from the picture in memory to the logits, in milliseconds; lower is better. Brackets are "
    "95 % intervals: of one seed those of the quantile from order statistics, averaged over conditions like the number "
    "itself; of several seeds Student's t interval of their mean.";

const char* const storage_note =
    "Bytes of the deployable file and of its parts; lower is better. “Dense FP32” is what the parameters of the "
    "unmasked network take in 32-bit floats.";

const char* const held_out_note =
    "Of these conditions training showed nothing: severities of trained corruptions, and other corruptions. Means are "
    "with the predicted condition where a network has several sets; single conditions are under the set of the nearest "
    "trained severity, or the first.";
const char* const mix_note =
    "Conditions weighted as the manifest's mixes say, with the predicted condition where a network has several sets.";
const char* const predicted_note =
    "“Given” is the accuracy with each picture's true condition told to the network; “predicted” lets the package's "
    "estimator pick it on the device, picture by picture, and its latency includes estimator and switch. “Estimator "
    "right” is the share of pictures for which it picked the true condition. Methods with one network for all "
    "conditions need no estimator.";

std::string seeds_text(const Section& section) {
  int least = 0, most = 0;
  for (const MethodRow& method : section.methods) {
    const auto top1 = method.metrics.find("top1");
    if (top1 == method.metrics.end()) continue;
    for (const auto& [condition, number] : top1->second) {
      least = least == 0 ? number.seeds : std::min(least, number.seeds);
      most = std::max(most, number.seeds);
    }
  }
  if (most == 1) return "one seed, Wilson intervals";
  if (least == most) return fmt::format("mean of {} seeds, Student's t intervals", most);
  return fmt::format("{} to {} seeds, Student's t intervals{}", least, most,
                     least == 1 ? " (Wilson's where there is one seed)" : "");
}

std::string condition_note(const Section& section) {
  std::map<std::string, std::vector<std::string>> by_source;
  for (const MethodRow& method : section.methods) by_source[method.condition_source].push_back(method.label);
  const auto list = [](const std::vector<std::string>& names) {
    std::string text;
    for (std::size_t i = 0; i < names.size(); ++i)
      text += (i == 0 ? "" : i + 1 == names.size() ? " and " : ", ") + names[i];
    return text;
  };
  std::string note;
  for (const auto& [source, names] : by_source) {
    if (source == "none") continue;
    if (!note.empty()) note += ' ';
    if (source == "oracle")
      note +=
          "Condition known to the network (oracle): for " + list(names) +
          " the masks and normalisation of each picture's true condition were selected, as a perfect estimator would.";
    else if (source == "predicted")
      note += "For " + list(names) +
              " the package's estimator predicted each picture's condition; what they reach with the true one stands "
              "further down.";
    else
      note += "For " + list(names) + " the condition was selected by: " + source + ".";
  }
  if (!note.empty() && by_source.contains("none")) note += " The other methods use one network for all conditions.";
  return note;
}

const std::vector<Evidence>& evidence_legend() {
  static const std::vector<Evidence> legend = {
      {"M", "measured", "on the named device"},
      {"R", "rtl_simulated", "cycles of a simulated circuit"},
      {"E", "modelled", "estimated by a model"},
      {"Q", "quoted", "taken from a source"},
      {"C", "counted", "exact by construction, such as bytes and MACs"},
  };
  return legend;
}

std::string evidence_text(const Number& number) {
  std::string text;
  for (const std::string& evidence : number.evidences) text += (text.empty() ? "" : ", ") + evidence;
  return text;
}

std::string evidence_letters(const Number& number) {
  std::string letters;
  for (const Evidence& evidence : evidence_legend())
    if (std::find(number.evidences.begin(), number.evidences.end(), evidence.name) != number.evidences.end())
      letters += evidence.letter;
  return letters;
}

std::string percent(double value) { return fmt::format("{:.2f}", value); }
std::string percent1(double value) { return fmt::format("{:.1f}", value); }

std::string interval_text(const Number& number, std::string (*format)(double)) {
  const bool low = std::isfinite(number.low), high = std::isfinite(number.high);
  if (!low && !high) return "";
  return fmt::format("[{}, {}]", low ? format(number.low) : "?", high ? format(number.high) : "?");
}

std::vector<std::string> conditions_of(const Section& section, const std::string& metric) {
  std::vector<std::string> conditions;
  const auto measured = [&](const std::string& condition) {
    return std::any_of(section.methods.begin(), section.methods.end(),
                       [&](const MethodRow& method) { return method.metric(metric, condition).known; });
  };
  for (const std::string& condition : section.conditions)
    if (measured(condition)) conditions.push_back(condition);
  if (measured("")) conditions.emplace_back("");
  return conditions;
}

std::vector<bool> best_rows(const std::vector<Number>& column, bool higher) {
  std::vector<double> values;
  for (const Number& number : column)
    if (number.known) values.push_back(number.value);
  std::vector<bool> best(column.size());
  if (values.empty()) return best;
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  if (*least == *most) return best;
  const double leader = higher ? *most : *least;
  for (std::size_t i = 0; i < column.size(); ++i) best[i] = column[i].known && column[i].value == leader;
  return best;
}

std::vector<PredictedColumn> predicted_columns(const Section& section) {
  const std::vector<std::string> conditions = conditions_of(section, "predicted_top1");
  if (conditions.empty()) return {};
  std::vector<PredictedColumn> columns = {{"given, mean", "given_top1", "", true, false},
                                          {"predicted, mean", "predicted_top1", "", true, false}};
  for (const std::string& condition : conditions)
    columns.push_back({condition, "predicted_top1", condition, false, false});
  if (!conditions_of(section, "random_condition_top1").empty())
    columns.push_back({"random, mean", "random_condition_top1", "", true, false});
  if (!conditions_of(section, "wrong_condition_top1").empty())
    columns.push_back({"wrong, mean", "wrong_condition_top1", "", true, false});
  columns.push_back({"estimator right, mean", "estimator_accuracy", "", true, false});
  columns.push_back({"given, median ms", "latency_median", "", true, true});
  columns.push_back({"predicted, median ms", "predicted_latency_median", "", true, true});
  return columns;
}

std::vector<PredictedColumn> held_out_columns(const Section& section) {
  std::vector<PredictedColumn> columns;
  for (const auto& [metric, head] : {std::pair("mean_top1_unseen_severity", "unseen severities, mean"),
                                     std::pair("mean_top1_unseen_corruption", "unseen corruptions, mean")})
    if (!conditions_of(section, metric).empty()) columns.push_back({head, metric, "", false, false});
  if (columns.empty()) return {};
  columns.insert(columns.begin(), {"trained, mean", "mean_top1_trained", "", false, false});
  for (const char* metric : {"unseen_severity_top1", "unseen_corruption_top1"})
    for (const std::string& condition : conditions_of(section, metric))
      columns.push_back({condition, metric, condition, false, false});
  return columns;
}

std::vector<PredictedColumn> mix_columns(const Section& section) {
  std::vector<PredictedColumn> columns;
  for (const std::string& mix : conditions_of(section, "mix_top1")) {
    columns.push_back({mix, "mix_top1", mix, false, false});
    columns.push_back({mix + ", median ms", "mix_latency_median", mix, false, true});
  }
  return columns;
}

const std::vector<StoragePart>& storage_parts() {
  static const std::vector<StoragePart> parts = {{"weights_bytes", "weights"},
                                                 {"masks_bytes", "masks"},
                                                 {"normalisation_bytes", "normalisation"},
                                                 {"estimator_bytes", "estimator"},
                                                 {"structure_bytes", "structure"}};
  return parts;
}

std::string section_title(const Section& section) {
  return section.dataset + " · " + section.model + " · " + section.target;
}

std::string short_key(const std::string& key) { return key.substr(0, 12); }

std::string states_text(const std::vector<RunRow>& runs) {
  std::string text;
  for (const char* state : {"passed", "failed", "timeout", "dead", "mistrusted", "unsupported", "skipped",
                            "interrupted", "running", "planned"}) {
    const auto count = std::count_if(runs.begin(), runs.end(), [&](const RunRow& run) { return run.state == state; });
    if (count > 0) text += (text.empty() ? "" : ", ") + fmt::format("{} {}", count, state);
  }
  return text.empty() ? "none" : text;
}

std::vector<std::pair<std::string, std::string>> flattened(const core::Json& document) {
  std::vector<std::pair<std::string, std::string>> pairs;
  if (!document.is_structured()) return {{"", document.dump()}};
  const core::Json flat = document.flatten();
  for (const auto& [pointer, value] : flat.items()) {
    std::string name = pointer.substr(1);
    std::replace(name.begin(), name.end(), '/', '.');
    pairs.emplace_back(name, value.is_string() ? value.get<std::string>() : value.dump());
  }
  return pairs;
}

}  // namespace automask::results
