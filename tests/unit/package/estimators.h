#pragma once
// An estimator for tests: random weights, every value within its limits.
#include <random>

#include "hw_targets/package/package.h"

namespace automask::estimators {

inline std::vector<package::Requantisation> requantisations(std::size_t count, double factor, std::mt19937& random) {
  std::vector<package::Requantisation> all(count);
  for (package::Requantisation& r : all) {
    r = package::requantisation_of(factor * (0.5 + 1e-3 * static_cast<double>(random() % 1000)));
    r.bias = static_cast<std::int32_t>(random() % 2000) - 1000;
  }
  return all;
}

inline package::EstimatorLayer layer(std::size_t outputs, std::size_t inputs, double factor, std::mt19937& random) {
  package::EstimatorLayer of;
  for (std::size_t i = 0; i < outputs * inputs; ++i)
    of.weights.push_back(static_cast<std::int8_t>(static_cast<int>(random() % 255) - 127));
  of.requantisation = requantisations(outputs, factor, random);
  return of;
}

inline package::Estimator make(std::size_t conditions, std::size_t hidden, unsigned seed) {
  std::mt19937 random(seed);
  package::Estimator e;
  e.input = requantisations(package::statistic_count, 0.05, random);
  e.hidden = layer(hidden, package::statistic_count, 0.005, random);
  e.output = layer(conditions, hidden, 0.5, random);
  return e;
}

}  // namespace automask::estimators
