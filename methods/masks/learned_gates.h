#pragma once
// Scorers that learn a number per channel by the gates' gradients, beside the weights.
#include "methods/catalogue.h"
#include "methods/masks/scorer.h"

namespace automask::methods {

// The worth itself is learnt: the cut that masks make is passed over in the backward pass (Bengio et al., "Estimating
// or propagating gradients through stochastic neurons", 2013; as edge-popup, Ramanujan et al., CVPR 2020, but of
// channels).
class StraightThroughScorer : public Scorer {
 public:
  StraightThroughScorer(const graph::ChannelGroups& groups, int conditions, const GateOptions& options = {});
  bool wants_gates(std::int64_t) const override { return true; }
  void after_backward(models::Network& network, int condition, double scale) override;
  const Scores& own(int condition) const override { return scores_[condition]; }
  core::Json state() const override { return scores_; }
  void restore(const core::Json& state) override { scores_ = state.get<std::vector<Scores>>(); }

 private:
  double rate_;
  std::vector<Scores> scores_;
};

// Gates that are random numbers of the hard concrete distribution, whose log alpha is learnt under an L0 penalty
// (Louizos, Welling, Kingma, "Learning sparse neural networks through L0 regularization", ICLR 2018, section 2.2). A
// channel's worth is the probability that its gate is not 0.
class HardConcreteScorer : public Scorer {
 public:
  static constexpr double beta = 2.0 / 3, gamma = -0.1, zeta = 1.1;  // the paper's, section 4
  static constexpr double first_alpha = 2.0;                         // log alpha at the start: most gates are open

  HardConcreteScorer(const graph::ChannelGroups& groups, int conditions, std::uint64_t seed,
                     const GateOptions& options = {});
  bool wants_gates(std::int64_t) const override { return true; }
  void before_forward(models::Network& network, int condition, std::int64_t step) override;
  void after_backward(models::Network& network, int condition, double scale) override;
  void before_cut(models::Network& network) override;
  const Scores& own(int condition) const override { return scores_[condition]; }
  core::Json state() const override { return alpha_; }
  void restore(const core::Json& state) override { alpha_ = state.get<std::vector<Scores>>(); }

  // A gate's value from a uniform random number, and its derivative by log alpha.
  static double gate(double log_alpha, double uniform);
  static double slope(double log_alpha, double uniform);
  static double open_probability(double log_alpha);

 private:
  std::uint64_t seed_;
  double rate_, penalty_;
  std::vector<Scores> alpha_, scores_;
  // Per condition, group and member: the uniform numbers of its last forward pass.
  std::vector<std::vector<std::vector<double>>> drawn_;
};

}  // namespace automask::methods
