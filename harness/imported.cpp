#include "harness/imported.h"

#include <fmt/format.h>

#include <algorithm>

namespace automask::harness {

ImportedCells imported_cells(const Plan& plan, const Cache& cache, const results::Store& store) {
  std::map<std::string, results::Imported> known;  // by portable key, and by that of the steps alone
  for (const results::Imported& run : results::imported_runs(store)) {
    known.insert_or_assign(run.portable_key, run);
    known.emplace(steps_of_portable_key(run.portable_key), run);
  }
  ImportedCells cells;
  if (known.empty()) return cells;
  for (std::size_t i = 0; i < plan.cells.size(); ++i) {
    const std::string& key = plan.cells[i].portable_key;
    const auto own_run = known.find(key);
    const auto found = own_run != known.end() ? own_run : known.find(steps_of_portable_key(key));
    if (found == known.end()) continue;
    const auto steps = plan.cells[i].steps();
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
