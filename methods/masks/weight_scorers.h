#pragma once
// Scorers of pruning's classic criteria.
#include "methods/masks/scores.h"

namespace automask::methods {

// First-order Taylor expansion: running means of |activation x gradient|, which is |gate gradient| (Molchanov et al.,
// "Pruning Convolutional Neural Networks for Resource Efficient Inference", ICLR 2017, equation 8).
class TaylorScorer : public FisherScorer {
 public:
  using FisherScorer::FisherScorer;
  void after_backward(models::Network& network, int condition, double scale) override;
  // As FisherScorer's: gradients[g] dLoss/dgate [N, members].
  void add_absolute(int condition, const std::vector<at::Tensor>& gradients, double scale);
};

// Worth that follows from the weights (methods/masks/filter_scores.h), the same for every condition.
class WeightScorer : public Scorer {
 public:
  using Criterion = Scores (*)(const models::Network& network);
  explicit WeightScorer(Criterion criterion) : criterion_(criterion) {}
  void before_cut(models::Network& network) override { scores_ = criterion_(network); }
  const Scores& own(int) const override { return scores_; }

 private:
  Criterion criterion_;
  Scores scores_;
};

}  // namespace automask::methods
