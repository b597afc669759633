#pragma once
// Budgets that no choice of channels can meet, known before anything is trained. No LibTorch here.
#include <cstdint>

#include "graph/graph.h"
#include "methods/catalogue.h"
#include "methods/masks/budget.h"

namespace automask::methods {

// Error(steps_failed) where a budget of the method's cannot be met by the model's network, naming the smallest
// possible: MACs exactly; time where the costs are known, and not a target that is still to be asked; bytes without the
// package's texts, so that a budget that is only just too small is found by the training itself. `conditions`: how
// many.
void check_budgets(const graph::Graph& model, const MethodSpec& spec, std::size_t conditions);

// The parts of it that a training asks, too.
// The share of the dense network's time that channels decide on, 1 where that is fast enough. `cut`: by time.
double time_share(const graph::Graph& graph, const MethodSpec& spec, const BudgetCut& cut);
// `least`: bytes of the smallest possible package.
void require_bytes(const graph::Graph& graph, const MethodSpec& spec, std::int64_t least, bool exact = true);

}  // namespace automask::methods
