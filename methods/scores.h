#pragma once
// What each channel is worth to each condition: running means of the squared gate gradient (Fisher information of the
// gates; Theis et al., "Faster gaze prediction with dense networks and Fisher pruning", 2018, equation 10).
#include <ATen/core/Tensor.h>

#include <vector>

#include "core/json.h"
#include "graph/graph.h"
#include "methods/budget.h"

namespace automask::methods {

class GateScores {
 public:
  // `memory`: share of the old mean that stays when new gradients come, [0, 1).
  GateScores(const graph::ChannelGroups& groups, int conditions, double memory);

  // gradients[g]: dLoss/dgate [N, members], undefined for groups without gates. `scale` undoes a mean in the loss, so
  // that rows are gradients of one picture's loss.
  void add(int condition, const std::vector<at::Tensor>& gradients, double scale);

  // consensus x (mean over conditions) + (1 - consensus) x (the condition's own, scaled to the mean's sum).
  Scores mixed(int condition, double consensus) const;
  const Scores& own(int condition) const { return scores_[condition]; }

  core::Json state() const;
  void restore(const core::Json& state);

 private:
  double memory_;
  std::vector<bool> seen_;      // per condition
  std::vector<Scores> scores_;  // per condition
};

}  // namespace automask::methods
