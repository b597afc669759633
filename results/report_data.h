#pragma once
// Inside of the room: what a report shows, gathered from the database and averaged over seeds, before any markup.
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/json.h"
#include "results/store.h"

namespace automask::results {

// One number of a report. Over several seeds: their mean and its t interval; of one: what was recorded.
struct Number {
  bool known = false;
  double value = 0;
  double low = 0, high = 0;            // NaN where no bound is known
  std::vector<std::string> evidences;  // distinct, sorted; more than one only where a database mixes them
  std::vector<std::string> runs;       // keys of the runs behind it
  int seeds = 0;
};

// Its "top1" is the accuracy as deployed: with the predicted condition where the network has several sets (then
// "given_top1" is that with the true one), else as recorded.
struct MethodRow {
  std::string label;             // the method's name, and those parameters that set it apart from others of its name
  std::string condition_source;  // none, oracle, predicted
  std::vector<std::string> runs;
  std::map<std::string, std::map<std::string, Number>> metrics;  // metric -> condition ("" for none) -> number
  std::map<std::string, Number>
      means;  // metric -> mean over all of the section's conditions; unknown if one is missing

  const Number& metric(const std::string& name, const std::string& condition = "") const;
  const Number& mean(const std::string& name) const;
};

// Methods that can be compared: one data set, one model, one target.
struct Section {
  std::string dataset, model, target;
  std::vector<std::string> conditions;  // clean first, then in natural order
  std::vector<MethodRow> methods;       // in the manifest's order
};

struct RunRow {
  std::string key, dataset, model, method, target, state, reason, started, finished;
  std::int64_t seed = 0, attempts = 0, environment = 0, build = 0;  // ordinals into the lists below, 0 for none
};

struct ReportData {
  std::string experiment, manifest_sha256;
  std::vector<Section> sections;
  std::vector<RunRow> runs;
  std::vector<core::Json> environments, builds;  // in the order the runs name them
  int schema = 0;
};

// Error(usage) with "did you mean" when no such experiment is stored.
ReportData gather(const Store& store, const std::string& experiment);

// "q9" before "q10".
bool natural_less(const std::string& a, const std::string& b);

}  // namespace automask::results
