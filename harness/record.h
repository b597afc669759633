#pragma once
// From the results of a cell's steps to its run in the database, and the gates on its metrics.
#include <optional>
#include <string>
#include <vector>

#include "harness/cache.h"
#include "harness/execute.h"
#include "harness/plan.h"
#include "results/store.h"

namespace automask::harness {

// The run of a cell whose steps have all finished; `state` passed. Metrics, samples and artifacts are those of all its
// steps, so that the row says everything. Nothing when a result is not there (any more).
std::optional<results::RunRecord> passed_run(const Manifest& manifest, const Plan& plan, const PlannedCell& cell,
                                             const Cache& cache);

// The published run of another cell as this cell's: what was measured, where and when stays, names and keys are its
// own.
results::RunRecord adopted_run(const Manifest& manifest, const PlannedCell& cell, const results::RunRecord& published);

// The run of a cell that failed: its state, and which step failed and why. Nothing when no step of it failed.
std::optional<results::RunRecord> failed_run(const Manifest& manifest, const PlannedCell& cell,
                                             const std::vector<StepOutcome>& outcomes);

// A gate held against one metric of one cell.
struct GateVerdict {
  bool missed = false;
  std::string sentence;  // "top1 of automask on clean is 78.2, the gate asks for at least 80"
};
// One verdict per metric that a gate speaks of, and one missed per gate that speaks of none.
std::vector<GateVerdict> check_gates(const Manifest& manifest, const std::vector<results::RunRecord>& runs);

}  // namespace automask::harness
