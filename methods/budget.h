#pragma once
// Which channels to keep under a budget of MACs: the cut. No LibTorch here.
#include <string>
#include <vector>

#include "graph/cost.h"
#include "graph/graph.h"

namespace automask::methods {

// One value >= 0 per group and member, higher is worth more; groups that cannot be masked may be empty.
using Scores = std::vector<std::vector<double>>;

class BudgetCut {
 public:
  // `lanes`: kept counts are multiples of it, in groups that have so many channels.
  BudgetCut(const graph::Graph& graph, const graph::ChannelGroups& groups, int lanes);

  // Removes the channels with the least score per saved MAC until the network costs at most `share` of the dense MACs,
  // then takes back, best score per MAC first, every channel that still fits. So no further channel (or `lanes` of
  // them) of any group fits under the budget. Ties go to the lower group and channel.
  // Error(steps_failed) names the smallest possible share when even that doesn't fit.
  graph::Mask operator()(const Scores& scores, double share) const;

  double smallest_share() const;
  double share(const graph::Mask& mask) const;  // of the dense MACs
  void require(double share) const;             // the error above

 private:
  int step_down(int group, int kept) const;  // the next smaller count, or `kept` if there is none
  int step_up(int group, int kept) const;
  std::int64_t macs(const std::vector<int>& kept) const { return cost_(kept).macs; }

  std::string name_;
  std::vector<graph::ChannelGroup> groups_;
  graph::MaskedCost cost_;
  int lanes_;
  std::vector<int> dense_;
  std::int64_t dense_macs_;
};

}  // namespace automask::methods
