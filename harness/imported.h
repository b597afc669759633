#pragma once
// Cells that need no work because a published result of the same steps was imported (`automask db merge`): the cell's
// own, or another's, of whatever experiment, that did the same.
#include <cstddef>
#include <map>
#include <string>

#include "harness/cache.h"
#include "harness/plan.h"
#include "results/published.h"

namespace automask::harness {

// By index into Plan::cells. A cell whose steps all lie in the cache is the store's own, whatever was imported.
using ImportedCells = std::map<std::size_t, results::Imported>;
ImportedCells imported_cells(const Plan& plan, const Cache& cache, const results::Store& store);

// Whether it is the published result of another cell. A run of this cell's own is made of it before it is used.
bool of_another_cell(const results::Imported& run, const PlannedCell& cell);

// "3 cells are imported, from cifar10/a.json and 2 more: they are not trained here"; empty for none.
std::string imported_sentence(const ImportedCells& cells);

}  // namespace automask::harness
