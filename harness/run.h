#pragma once
// `run` without a terminal: plan, execute, record, report. cli.cpp says it to people.
#include <functional>
#include <string>
#include <vector>

#include "harness/execute.h"
#include "harness/manifest.h"
#include "harness/plan.h"
#include "harness/record.h"

namespace automask::harness {

struct RunSummary {
  std::size_t cells = 0, cells_passed = 0;
  std::size_t imported = 0;   // of the cells: finished elsewhere, by a published result
  std::string imported_from;  // the sentence about them
  std::size_t found = 0, done = 0, failed = 0, skipped = 0, interrupted = 0, not_started = 0;  // steps
  std::vector<std::string> failures;  // one sentence per failed step
  std::vector<GateVerdict> gates;
  bool stopped = false;  // by the user, with work left

  core::ExitCode exit_code() const;
};

// Executes the steps of the chosen cells, writes the run of each cell as soon as its steps are
// there, and makes the whole plan the experiment's current one. Cells of which a published result was imported are not
// done again, unless `ignore_imported`.
RunSummary run_plan(const Manifest& manifest, const Plan& plan, const std::vector<std::size_t>& chosen_cells,
                    const Cache& cache, Launcher& launcher, ProgressSink& sink, ExecuteOptions options,
                    bool ignore_imported = false);

}  // namespace automask::harness
