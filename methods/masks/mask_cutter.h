#pragma once
// From the channels' worth to a mask per set: consensus, union penalty and budgets. No LibTorch here.
#include <functional>
#include <optional>
#include <vector>

#include "core/json.h"
#include "methods/catalogue.h"
#include "methods/masks/budget.h"

namespace automask::methods {

// consensus x (mean over sets) + (1 - consensus) x (the set's own, scaled to the mean's sum); the mean is weighted by
// `weights`, which sum to 1.
Scores mixed(const std::vector<const Scores*>& own, const std::vector<double>& weights, int set, double consensus);

// Each set's scores replaced by the mean of its group's, weighted: sets of one group then have one mask.
std::vector<Scores> grouped(const std::vector<const Scores*>& own, const std::vector<double>& weights,
                            const std::vector<int>& group_of_set);

// Share of the members kept by both among those kept by either, over all maskable groups; 1 for equal masks.
double overlap(const graph::ChannelGroups& groups, const graph::Mask& a, const graph::Mask& b);

// Its mean over the pairs of different sets; 1 where there is one set.
double mean_overlap(const graph::Graph& graph, const std::vector<graph::Mask>& masks);

class MaskCutter {
 public:
  // Bytes of the package that a network with these masks would become; empty: there is no budget of bytes.
  using PackageBytes = std::function<std::int64_t(const std::vector<graph::Mask>&)>;

  // The budget is spec.latency_budget, where there is one, else `mac_budget`, a share of the dense MACs.
  // Error(steps_failed) where a budget cannot be met, naming the smallest possible.
  MaskCutter(const graph::Graph& graph, const MethodSpec& spec, double mac_budget, double consensus,
             std::vector<double> weights, PackageBytes bytes);

  // While training: to `share` of what budget() is of, whatever the lanes; nothing where even that is too little.
  // `progress` in [0, 1]: how much of the way from all bytes to the budget has been gone. `within`: the channels that
  // may be kept, where there is no budget of bytes; null: all.
  std::optional<std::vector<graph::Mask>> ramp(const std::vector<const Scores*>& own, double share, double progress,
                                               const graph::Mask* within = nullptr) const;
  // In the end: to the budgets, in multiples of the lanes.
  std::vector<graph::Mask> last(const std::vector<const Scores*>& own, const graph::Mask* within = nullptr) const;

  const graph::ChannelGroups& groups() const { return groups_; }
  double mean_overlap(const std::vector<graph::Mask>& masks) const;
  double share(const graph::Mask& mask) const { return macs_.share(mask); }  // of the dense MACs
  double budget() const { return budget_; }  // share of the dense MACs, or of the dense network's time
  core::Json overlaps(const std::vector<graph::Mask>& masks) const;  // per pair, [K, K]

 private:
  std::vector<graph::Mask> cut(const BudgetCut& by_computation, const std::vector<const Scores*>& own, double share,
                               const graph::Mask* within) const;
  std::vector<graph::Mask> within_bytes(const std::vector<const Scores*>& own) const;

  graph::ChannelGroups groups_;
  double consensus_, union_penalty_;
  std::int64_t byte_budget_;
  std::vector<double> weights_;
  PackageBytes bytes_;
  BudgetCut macs_, ramp_, final_, ramp_by_parameters_, by_parameters_;  // ramp and final: by MACs or by time
  double budget_;
};

}  // namespace automask::methods
