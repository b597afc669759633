#include "methods/masks/scores.h"

#include <ATen/ATen.h>

#include "core/hash.h"
#include "core/philox.h"

namespace automask::methods {

FisherScorer::FisherScorer(const graph::ChannelGroups& groups, int conditions, double memory)
    : memory_(memory), seen_(conditions), scores_(conditions, zero_scores(groups)) {}

void FisherScorer::after_backward(models::Network& network, int condition, double scale) {
  add(condition, network.gate_gradients(condition), scale);
}

void FisherScorer::add(int condition, const std::vector<at::Tensor>& gradients, double scale) {
  const double memory = seen_[condition] ? memory_ : 0;
  seen_[condition] = true;
  for (std::size_t g = 0; g < gradients.size(); ++g) {
    if (!gradients[g].defined()) continue;
    const at::Tensor squares = gradients[g].to(at::kDouble).mul_(scale).square_().mean(0).to(at::kCPU).contiguous();
    const double* values = squares.data_ptr<double>();
    for (std::size_t c = 0; c < scores_[condition][g].size(); ++c) {
      double& score = scores_[condition][g][c];
      score = memory * score + (1 - memory) * values[c];
    }
  }
}

core::Json FisherScorer::state() const { return {{"seen", seen_}, {"scores", scores_}}; }

void FisherScorer::restore(const core::Json& state) {
  seen_ = state.at("seen").get<std::vector<bool>>();
  scores_ = state.at("scores").get<std::vector<Scores>>();
}

RandomScorer::RandomScorer(const graph::ChannelGroups& groups, int conditions, std::uint64_t seed)
    : scores_(conditions, zero_scores(groups)) {
  for (int k = 0; k < conditions; ++k) {
    core::RandomStream random(seed, core::hash64("random scores " + std::to_string(k)));
    for (auto& group : scores_[k])
      for (double& score : group) score = random.uniform();
  }
}

}  // namespace automask::methods
