#pragma once
// Costs of many masks of one graph: for budget searches, which ask thousands of times. C++14.
#include <cstdint>
#include <vector>

#include "graph/graph.h"

namespace automask {
namespace graph {

// The cost of a shrunk network depends on how many members each group keeps, not on which. Keeps nothing of `graph`.
class MaskedCost {
 public:
  // `prices`: what a multiply-accumulate of each node counts, whole numbers >= 0; empty: one each. Cost::macs is then
  // their sum, e.g. a time.
  MaskedCost(const Graph& graph, const ChannelGroups& groups, const std::vector<std::int64_t>& prices = {});

  // kept[g] in [0, channels of group g], one per group, unmaskable ones included. No allocation.
  Cost operator()(const std::vector<int>& kept) const;
  // What removing one more member of `group` (kept[group] >= 1) saves at these counts.
  Cost marginal(const std::vector<int>& kept, int group) const;

 private:
  // coefficient x kept[a] x kept[b]; -1 stands for a factor of 1.
  struct Term {
    int a, b;
    Cost coefficient;
  };
  std::vector<Term> terms_;
  std::vector<std::vector<int>> terms_of_;  // per group, indices of the terms it takes part in
};

std::vector<int> kept_counts(const Mask& mask);

}  // namespace graph
}  // namespace automask
