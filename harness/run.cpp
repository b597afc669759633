#include "harness/run.h"

#include <algorithm>
#include <set>
#include <unordered_set>

#include "harness/imported.h"
#include "results/query.h"
#include "results/store.h"

namespace automask::harness {
namespace {

// Writes each cell's run once all its steps are there.
class Recorder {
 public:
  Recorder(const Manifest& manifest, const Plan& plan, const Cache& cache, results::Store& database,
           const std::vector<std::size_t>& chosen, const ImportedCells& imported)
      : manifest_(manifest),
        plan_(plan),
        cache_(cache),
        database_(database),
        left_(plan.cells.size()),
        cells_of_(plan.steps.size()) {
    for (const std::size_t i : chosen) {
      const auto steps = plan.cells[i].steps();
      const std::set<std::size_t> distinct(steps.begin(), steps.end());
      left_[i] = distinct.size();
      for (const std::size_t step : distinct) cells_of_[step].push_back(i);
    }
    const auto rows = results::query(database_, "SELECT key FROM run WHERE newest = 1 AND state = 'passed'").rows;
    for (const auto& row : rows) passed_.insert(row.front().get<std::string>());
    // Also the cells that are not chosen now: what they had run before still stands for the plan.
    std::vector<std::string> keys;
    for (std::size_t i = 0; i < plan.cells.size(); ++i) {
      const auto found = imported.find(i);
      keys.push_back(found == imported.end() ? plan.cells[i].run_key : found->second.key);
    }
    database_.set_current(manifest.name, keys);
  }

  void step_finished(std::size_t step) {
    for (const std::size_t i : cells_of_[step])
      if (--left_[i] == 0) record(i);
  }

  void record_failures(const std::vector<StepOutcome>& outcomes, const std::vector<std::size_t>& chosen) {
    for (const std::size_t i : chosen)
      if (left_[i] > 0)
        if (const auto run = failed_run(manifest_, plan_.cells[i], outcomes)) database_.record(*run);
  }

  std::size_t recorded() const { return recorded_; }

 private:
  void record(std::size_t i) {
    const PlannedCell& cell = plan_.cells[i];
    if (!passed_.contains(cell.run_key))
      if (const auto run = passed_run(manifest_, plan_, cell, cache_)) database_.record(*run);
    ++recorded_;
  }

  const Manifest& manifest_;
  const Plan& plan_;
  const Cache& cache_;
  results::Store& database_;
  std::vector<std::size_t> left_;  // steps each chosen cell waits for
  std::vector<std::vector<std::size_t>> cells_of_;
  std::unordered_set<std::string> passed_;  // keys of runs that are in the database and final
  std::size_t recorded_ = 0;
};

// Published results of other cells become runs of the chosen ones; what is not chosen stays as it is.
ImportedCells adopted(const Manifest& manifest, const Plan& plan, const std::vector<std::size_t>& chosen,
                      ImportedCells imported, results::Store& database) {
  const std::set<std::size_t> wanted(chosen.begin(), chosen.end());
  for (auto it = imported.begin(); it != imported.end();) {
    auto& [i, from] = *it;
    if (!of_another_cell(from, plan.cells[i])) {
      ++it;
    } else if (const auto run = wanted.contains(i) ? results::stored_run(database, from.key) : std::nullopt) {
      const results::RunRecord own = adopted_run(manifest, plan.cells[i], *run);
      database.record(own);
      from.key = own.key;
      from.portable_key = own.portable_key;
      ++it;
    } else {
      it = imported.erase(it);
    }
  }
  return imported;
}

void count(RunSummary& summary, const std::vector<StepOutcome>& outcomes, const std::vector<std::size_t>& wanted) {
  for (const std::size_t id : wanted) {
    const StepOutcome& outcome = outcomes[id];
    switch (outcome.outcome) {
      case Outcome::found:
        ++summary.found;
        break;
      case Outcome::passed:
        ++summary.done;
        break;
      case Outcome::failed:
        ++summary.failed;
        summary.failures.push_back(outcome.reason);
        break;
      case Outcome::skipped:
        ++summary.skipped;
        break;
      case Outcome::interrupted:
        ++summary.interrupted;
        break;
      default:
        ++summary.not_started;
    }
  }
}

}  // namespace

core::ExitCode RunSummary::exit_code() const {
  if (stopped) return core::ExitCode::interrupted;
  if (failed > 0) return core::ExitCode::steps_failed;
  const bool missed = std::any_of(gates.begin(), gates.end(), [](const GateVerdict& gate) { return gate.missed; });
  return missed ? core::ExitCode::gate_missed : core::ExitCode::ok;
}

RunSummary run_plan(const Manifest& manifest, const Plan& plan, const std::vector<std::size_t>& chosen_cells,
                    const Cache& cache, Launcher& launcher, ProgressSink& sink, ExecuteOptions options,
                    bool ignore_imported) {
  results::Store database = results::Store::open(cache.store().database());
  ImportedCells found = imported_cells(plan, cache, database);
  if (ignore_imported)
    for (const std::size_t i : chosen_cells) found.erase(i);
  const ImportedCells imported = adopted(manifest, plan, chosen_cells, std::move(found), database);
  std::set<std::size_t> distinct;
  std::vector<std::size_t> own_cells;
  ImportedCells chosen_imported;
  for (const std::size_t i : chosen_cells) {
    if (const auto known = imported.find(i); known != imported.end()) {
      chosen_imported.insert(*known);
      continue;
    }
    own_cells.push_back(i);
    for (const std::size_t step : plan.cells[i].steps()) distinct.insert(step);
  }
  const std::vector<std::size_t> wanted(distinct.begin(), distinct.end());

  Recorder recorder(manifest, plan, cache, database, own_cells, imported);
  options.finished = [&](std::size_t step) { recorder.step_finished(step); };
  const auto outcomes = execute(plan, wanted, cache, launcher, sink, options);
  recorder.record_failures(outcomes, own_cells);

  RunSummary summary;
  summary.cells = chosen_cells.size();
  summary.imported = chosen_imported.size();
  summary.imported_from = imported_sentence(chosen_imported);
  summary.cells_passed = recorder.recorded() + summary.imported;
  count(summary, outcomes, wanted);
  summary.stopped = options.interrupts() > 0 && summary.interrupted + summary.not_started > 0;
  if (!manifest.gates.empty() && summary.failed == 0 && !summary.stopped) {
    std::vector<results::RunRecord> runs;
    for (const auto& [i, from] : chosen_imported)
      if (auto run = results::stored_run(database, from.key)) runs.push_back(std::move(*run));
    for (const std::size_t i : own_cells)
      if (auto run = passed_run(manifest, plan, plan.cells[i], cache)) {
        run->samples.clear();
        runs.push_back(std::move(*run));
      }
    summary.gates = check_gates(manifest, runs);
  }
  return summary;
}

}  // namespace automask::harness
