#include "hw_targets/package/estimator.h"

#include <stdexcept>

namespace automask {
namespace package {
namespace {

std::vector<std::int32_t> layer_values(const EstimatorLayer& layer, const std::vector<std::int32_t>& inputs,
                                       std::int32_t most) {
  std::vector<std::int32_t> values;
  const std::int8_t* weight = layer.weights.data();
  for (const Requantisation& r : layer.requantisation) {
    std::int32_t accumulator = 0;
    for (const std::int32_t input : inputs) accumulator += *weight++ * input;
    values.push_back(requantised(accumulator, r, most));
  }
  return values;
}

}  // namespace

std::vector<std::int32_t> estimator_scores(const Estimator& estimator, const std::vector<std::int32_t>& statistics) {
  if (statistics.size() != estimator.input.size())
    throw std::invalid_argument("the estimator takes other statistics than these");
  std::vector<std::int32_t> inputs;
  for (std::size_t i = 0; i < statistics.size(); ++i)
    inputs.push_back(requantised(statistics[i], estimator.input[i], most_value));
  std::vector<std::int32_t> hidden = layer_values(estimator.hidden, inputs, most_value);
  for (std::int32_t& value : hidden)
    if (value < 0) value = 0;
  return layer_values(estimator.output, hidden, most_output);
}

Estimate decide(const Estimator& estimator, const std::vector<std::int32_t>& scores) {
  std::size_t best = 0;
  for (std::size_t k = 1; k < scores.size(); ++k)
    if (scores[k] > scores[best]) best = k;
  Estimate estimate{static_cast<int>(best), 2 * most_output};
  for (std::size_t k = 0; k < scores.size(); ++k)
    if (k != best && scores[best] - scores[k] < estimate.lead) estimate.lead = scores[best] - scores[k];
  if (estimate.lead < estimator.margin) estimate.condition = estimator.fallback;
  return estimate;
}

int estimate(const Estimator& estimator, const std::uint8_t* picture, const graph::Shape& shape) {
  return decide(estimator, estimator_scores(estimator, statistics(picture, shape))).condition;
}

int Hysteresis::next(const Estimate& estimate) {
  if (current_ < 0) current_ = estimate.condition;
  if (estimate.condition == current_) {
    wins_ = 0;
    return current_;
  }
  wins_ = estimate.condition == rival_ && wins_ > 0 ? wins_ + 1 : 1;
  rival_ = estimate.condition;
  if (wins_ >= frames_ || estimate.lead >= lead_) {
    current_ = rival_;
    wins_ = 0;
  }
  return current_;
}

}  // namespace package
}  // namespace automask
