#include "harness/imported.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "results/query.h"

namespace automask::harness {

namespace {

// Another's result serves where it is the same on every machine that has the runner: of a runner that is registered
// under a name of the user's own, nobody knows that it is the same device there.
bool serves_others(const Plan& plan, const PlannedCell& cell) {
  const Step& execute = plan.steps[cell.execute];
  return execute.stage == Stage::evaluate || execute.parameters.value("runner", "") == "cpu";
}

}  // namespace

ImportedCells imported_cells(const Plan& plan, const Cache& cache, const results::Store& store) {
  std::map<std::string, results::Imported> known;  // by portable key, and by that of the steps alone
  for (const results::Imported& run : results::imported_runs(store)) {
    known.insert_or_assign(run.portable_key, run);
    known.insert_or_assign(steps_of_portable_key(run.portable_key), run);
  }
  ImportedCells cells;
  if (known.empty()) return cells;
  std::set<std::string> done;  // here, also where the cache has been emptied since
  for (const auto& row : results::query(store,
                                        "SELECT key FROM run WHERE newest = 1 AND origin = '' AND state IN "
                                        "('passed', 'unsupported')")
                             .rows)
    done.insert(row.front().get<std::string>());
  for (std::size_t i = 0; i < plan.cells.size(); ++i) {
    const PlannedCell& cell = plan.cells[i];
    auto found = known.find(cell.portable_key);
    if (found == known.end() && serves_others(plan, cell) && !done.contains(cell.run_key))
      found = known.find(steps_of_portable_key(cell.portable_key));
    if (found == known.end()) continue;
    const auto steps = cell.steps();
    const bool own = std::all_of(steps.begin(), steps.end(),
                                 [&](std::size_t step) { return cache.find(plan.steps[step]).has_value(); });
    if (!own) cells.emplace(i, found->second);
  }
  return cells;
}

bool of_another_cell(const results::Imported& run, const PlannedCell& cell) {
  return run.portable_key != cell.portable_key;
}

std::string imported_sentence(const ImportedCells& cells) {
  if (cells.empty()) return {};
  const std::string more = cells.size() > 1 ? fmt::format(" and {} more", cells.size() - 1) : "";
  return fmt::format("{} imported, from {}{}: {} not trained or measured here",
                     cells.size() == 1 ? "1 cell is" : fmt::format("{} cells are", cells.size()),
                     cells.begin()->second.origin, more, cells.size() == 1 ? "it is" : "they are");
}

}  // namespace automask::harness
