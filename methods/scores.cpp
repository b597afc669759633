#include "methods/scores.h"

#include <ATen/ATen.h>

namespace automask::methods {
namespace {

double total(const Scores& scores) {
  double sum = 0;
  for (const auto& group : scores)
    for (const double score : group) sum += score;
  return sum;
}

}  // namespace

GateScores::GateScores(const graph::ChannelGroups& groups, int conditions, double memory)
    : memory_(memory), seen_(conditions), scores_(conditions) {
  for (Scores& scores : scores_)
    for (const graph::ChannelGroup& group : groups.groups)
      scores.emplace_back(group.maskable ? group.channels : 0, 0.0);
}

void GateScores::add(int condition, const std::vector<at::Tensor>& gradients, double scale) {
  const double memory = seen_[condition] ? memory_ : 0;
  seen_[condition] = true;
  for (std::size_t g = 0; g < gradients.size(); ++g) {
    if (!gradients[g].defined()) continue;
    const at::Tensor squares = gradients[g].to(at::kDouble).mul_(scale).square_().mean(0).contiguous();
    const double* values = squares.data_ptr<double>();
    for (std::size_t c = 0; c < scores_[condition][g].size(); ++c) {
      double& score = scores_[condition][g][c];
      score = memory * score + (1 - memory) * values[c];
    }
  }
}

Scores GateScores::mixed(int condition, double consensus) const {
  const Scores& own = scores_[condition];
  Scores result = own;
  for (std::size_t g = 0; g < own.size(); ++g)
    for (std::size_t c = 0; c < own[g].size(); ++c) {
      double sum = 0;
      for (const Scores& scores : scores_) sum += scores[g][c];
      result[g][c] = sum / double(scores_.size());
    }
  const double own_total = total(own);
  const double scale = own_total > 0 ? total(result) / own_total : 0;
  for (std::size_t g = 0; g < own.size(); ++g)
    for (std::size_t c = 0; c < own[g].size(); ++c)
      result[g][c] = consensus * result[g][c] + (1 - consensus) * scale * own[g][c];
  return result;
}

core::Json GateScores::state() const { return {{"seen", seen_}, {"scores", scores_}}; }

void GateScores::restore(const core::Json& state) {
  seen_ = state.at("seen").get<std::vector<bool>>();
  scores_ = state.at("scores").get<std::vector<Scores>>();
}

}  // namespace automask::methods
