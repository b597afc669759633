#pragma once
// Which channels to keep under a budget of MACs or of parameters: the cut. No LibTorch here.
#include <string>
#include <vector>

#include "graph/cost.h"
#include "graph/graph.h"

namespace automask::methods {

// One value >= 0 per group and member, higher is worth more; groups that cannot be masked may be empty.
using Scores = std::vector<std::vector<double>>;

// `time`: by a LatencyBudget's prices; of the dense network's time without what is fixed.
enum class Measure { macs, parameters, time };

class BudgetCut {
 public:
  // `lanes`: kept counts are multiples of it, in groups that have so many channels.
  // `prices`: of Measure::time, per node.
  BudgetCut(const graph::Graph& graph, const graph::ChannelGroups& groups, int lanes, Measure measure = Measure::macs,
            const std::vector<std::int64_t>& prices = {});

  // Removes the channels with the least score per saved MAC until the network costs at most `share` of the dense MACs,
  // then takes back, best score per MAC first, every channel that still fits. So no further channel (or `lanes` of
  // them) of any group fits under the budget. Where that leaves more than tolerance() unused, channels of one group are
  // exchanged for those of others that fill it better, at the least loss of score. Ties go to the lower group and
  // channel. Only members that `within` keeps are kept; null: all may be. Error(steps_failed) names the smallest
  // possible share when even that doesn't fit.
  graph::Mask operator()(const Scores& scores, double share, const graph::Mask* within = nullptr) const;

  double smallest_share() const;
  graph::Mask smallest() const;                            // the cut to it, whatever channels are worth
  std::int64_t dense_cost() const { return dense_cost_; }  // in MACs, parameters or femtoseconds
  double share(const graph::Mask& mask) const;             // of the dense network
  // The error above. `budget_of_one`: what a mac_budget of 1 is of this network's MACs, where it is of a smaller one's.
  void require(double share, double budget_of_one = 1) const;
  bool has_groups() const;  // any that can be masked
  // What a cut to this share leaves unused at most, where exchanges can achieve it, as a share of the dense network:
  // half a percent of the budget; with lanes what the cheapest step of any group costs.
  double tolerance(double share, const std::vector<int>& kept) const;

 private:
  struct Search;

  int step_down(int group, int kept) const;  // the next smaller count, or `kept` if there is none
  int step_up(int group, int kept, int most) const;
  std::int64_t cost(const std::vector<int>& kept) const;
  std::int64_t saved(std::vector<int>& kept, int group, int low) const;  // by removing down to `low` members

  std::string name_;
  std::vector<graph::ChannelGroup> groups_;
  graph::MaskedCost cost_;
  int lanes_;
  Measure measure_;
  std::vector<int> dense_;
  std::int64_t dense_cost_;
};

}  // namespace automask::methods
