#pragma once
// Fisher information of the gates: running means of the squared gate gradient (Theis et al., "Faster gaze prediction
// with dense networks and Fisher pruning", 2018, equation 10).
#include "methods/masks/scorer.h"

namespace automask::methods {

class FisherScorer : public Scorer {
 public:
  // Gate gradients are taken at every second step and remembered over about forty: steady enough to rank channels.
  static constexpr std::int64_t every = 2;
  static constexpr double usual_memory = 0.95;

  // `memory`: share of the old mean that stays when new gradients come, [0, 1).
  FisherScorer(const graph::ChannelGroups& groups, int conditions, double memory = usual_memory);

  bool wants_gates(std::int64_t step) const override { return step % every == 0; }
  void after_backward(models::Network& network, int condition, double scale) override;
  const Scores& own(int condition) const override { return scores_[condition]; }
  core::Json state() const override;
  void restore(const core::Json& state) override;

  // gradients[g]: dLoss/dgate [N, members], undefined for groups without gates.
  void add(int condition, const std::vector<at::Tensor>& gradients, double scale);

 private:
  double memory_;
  std::vector<bool> seen_;      // per condition
  std::vector<Scores> scores_;  // per condition
};

// A worth drawn once: what any ranking must beat.
class RandomScorer : public Scorer {
 public:
  RandomScorer(const graph::ChannelGroups& groups, int conditions, std::uint64_t seed);
  const Scores& own(int condition) const override { return scores_[condition]; }

 private:
  std::vector<Scores> scores_;
};

}  // namespace automask::methods
