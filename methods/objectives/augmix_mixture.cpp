#include "methods/objectives/augmix_mixture.h"

#include <cmath>

#include "corruptions/portable_math.h"

namespace automask::methods {
namespace {

constexpr double lowest_level = 0.1;
constexpr std::uint32_t deepest = 3;

Pixels chain(Pixels picture, graph::Shape shape, const AugmixOptions& options, core::RandomStream& random) {
  const auto operators = augmix_operators();
  const int depth = options.depth > 0 ? options.depth : 1 + static_cast<int>(random.below(deepest));
  for (int i = 0; i < depth; ++i) {
    const AugmixOperator& chosen = operators[random.below(static_cast<std::uint32_t>(operators.size()))];
    const double level = lowest_level + (options.severity - lowest_level) * random.uniform();
    picture = chosen.apply(picture, shape, level, random);
  }
  return picture;
}

}  // namespace

// Exponential variables divided by their sum.
std::vector<double> mixing_weights(int width, core::RandomStream& random) {
  std::vector<double> weights;
  double sum = 0;
  for (int i = 0; i < width; ++i) {
    weights.push_back(-corruptions::logarithm(1 - random.uniform()));
    sum += weights.back();
  }
  for (double& weight : weights) weight /= sum;
  return weights;
}

Pixels augmix(const Pixels& picture, graph::Shape shape, const AugmixOptions& options, core::RandomStream& random) {
  const std::vector<double> weights = mixing_weights(options.width, random);
  const double mixed = random.uniform();
  std::vector<double> sum(picture.size());
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] = (1 - mixed) * picture[i];
  for (const double weight : weights) {
    const Pixels result = chain(picture, shape, options, random);
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += mixed * weight * result[i];
  }
  Pixels view(picture.size());
  for (std::size_t i = 0; i < sum.size(); ++i) view[i] = static_cast<std::uint8_t>(std::floor(sum[i] + 0.5));
  return view;
}

}  // namespace automask::methods
