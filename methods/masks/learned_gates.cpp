#include "methods/masks/learned_gates.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "core/hash.h"
#include "core/philox.h"

namespace automask::methods {
namespace {

// dLoss/dgate summed over the part's pictures, per member; `scale` as in Scorer.
std::vector<double> mean_gradient(const at::Tensor& gradient, double scale) {
  const at::Tensor mean = gradient.to(at::kDouble).mul_(scale).mean(0).to(at::kCPU).contiguous();
  return {mean.data_ptr<double>(), mean.data_ptr<double>() + mean.numel()};
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

}  // namespace

StraightThroughScorer::StraightThroughScorer(const graph::ChannelGroups& groups, int conditions,
                                             const GateOptions& options)
    : rate_(options.rate_of("straight_through")), scores_(conditions, zero_scores(groups)) {
  for (Scores& scores : scores_)
    for (auto& group : scores) std::fill(group.begin(), group.end(), 1.0);
}

void StraightThroughScorer::after_backward(models::Network& network, int condition, double scale) {
  const std::vector<at::Tensor> gradients = network.gate_gradients(condition);
  for (std::size_t g = 0; g < gradients.size(); ++g) {
    if (!gradients[g].defined()) continue;
    const std::vector<double> slopes = mean_gradient(gradients[g], scale);
    for (std::size_t c = 0; c < slopes.size(); ++c) {
      double& score = scores_[condition][g][c];
      score = std::max(score - rate_ * slopes[c], 0.0);
    }
  }
}

double HardConcreteScorer::gate(double log_alpha, double u) {
  const double s = sigmoid((std::log(u) - std::log(1 - u) + log_alpha) / beta);
  return std::clamp(s * (zeta - gamma) + gamma, 0.0, 1.0);
}

double HardConcreteScorer::slope(double log_alpha, double u) {
  const double s = sigmoid((std::log(u) - std::log(1 - u) + log_alpha) / beta);
  const double stretched = s * (zeta - gamma) + gamma;
  return stretched <= 0 || stretched >= 1 ? 0 : (zeta - gamma) * s * (1 - s) / beta;
}

double HardConcreteScorer::open_probability(double log_alpha) {
  return sigmoid(log_alpha - beta * std::log(-gamma / zeta));
}

HardConcreteScorer::HardConcreteScorer(const graph::ChannelGroups& groups, int conditions, std::uint64_t seed,
                                       const GateOptions& options)
    : seed_(seed),
      rate_(options.rate_of("hard_concrete")),
      penalty_(options.penalty),
      alpha_(conditions, zero_scores(groups)),
      scores_(alpha_),
      drawn_(alpha_.size()) {
  for (Scores& alpha : alpha_)
    for (auto& group : alpha) std::fill(group.begin(), group.end(), first_alpha);
}

void HardConcreteScorer::before_forward(models::Network& network, int condition, std::int64_t step) {
  core::RandomStream random(seed_,
                            core::hash64("hard concrete " + std::to_string(step) + " " + std::to_string(condition)));
  std::vector<std::vector<double>>& drawn = drawn_[static_cast<std::size_t>(condition)];
  drawn.clear();
  std::vector<std::vector<float>> values;
  for (const auto& group : alpha_[condition]) {
    drawn.emplace_back();
    values.emplace_back();
    for (const double log_alpha : group) {
      drawn.back().push_back(std::clamp(random.uniform(), 1e-6, 1 - 1e-6));
      values.back().push_back(static_cast<float>(gate(log_alpha, drawn.back().back())));
    }
  }
  network.set_gate_values(condition, std::move(values));
}

void HardConcreteScorer::after_backward(models::Network& network, int condition, double scale) {
  const std::vector<at::Tensor> gradients = network.gate_gradients(condition);
  for (std::size_t g = 0; g < gradients.size(); ++g) {
    if (!gradients[g].defined()) continue;
    const std::vector<double> slopes = mean_gradient(gradients[g], scale);
    for (std::size_t c = 0; c < slopes.size(); ++c) {
      double& log_alpha = alpha_[condition][g][c];
      const double open = open_probability(log_alpha);
      log_alpha -= rate_ * (slopes[c] * slope(log_alpha, drawn_[static_cast<std::size_t>(condition)][g][c]) +
                            penalty_ * open * (1 - open));
    }
  }
  network.set_gate_values(condition, {});
}

void HardConcreteScorer::before_cut(models::Network&) {
  for (std::size_t k = 0; k < alpha_.size(); ++k)
    for (std::size_t g = 0; g < alpha_[k].size(); ++g)
      for (std::size_t c = 0; c < alpha_[k][g].size(); ++c) scores_[k][g][c] = open_probability(alpha_[k][g][c]);
}

}  // namespace automask::methods
