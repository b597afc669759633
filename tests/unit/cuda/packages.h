#pragma once
// Packages in FP32 and FP16 with random masks and affines, and their logits by slow loops.
#include <string>
#include <vector>

#include "hw_targets/cuda/half.h"
#include "tests/unit/cpu/networks.h"
#include "tests/unit/package/packages.h"

namespace automask::cuda {

// What the FP16 format stores.
inline void round_to_halves(package::Package& package) {
  package.format = package::Format::fp16;
  const auto round_all = [](graph::TensorMap& weights) {
    for (auto& [name, tensor] : weights)
      for (float& value : tensor.data) value = float_of(half_of(value));
  };
  round_all(package.weights);
  for (package::Condition& condition : package.conditions) round_all(condition.weights);
  for (package::Condition& condition : package.conditions)
    for (auto* values : {&condition.scale, &condition.bias})
      for (auto& [node, of_node] : *values)
        for (float& value : of_node) value = float_of(half_of(value));
}

// Weights such that values neither vanish nor explode on their way. With an odd seed each condition has a stem of its
// own, where there is a stem.
inline package::Package random_package(const graph::Graph& graph, const std::vector<std::string>& conditions, bool half,
                                       unsigned seed) {
  package::Package package = packages::make(graph, conditions, seed);
  for (auto& [name, tensor] : cpu::random_weights(graph, seed))
    if (package.weights.count(name) != 0) package.weights[name] = tensor;
  if (seed % 2 == 1 && conditions.size() > 1) packages::make_stem_private(package, seed);
  std::mt19937 random(seed);
  for (package::Condition& condition : package.conditions) {
    for (auto& [node, scale] : condition.scale)
      for (float& value : scale)
        if (value != 0) value = 0.5F + static_cast<float>(random() % 1024) / 1024.F;
  }
  if (half) round_to_halves(package);
  return package;
}

inline std::vector<double> slow_logits(const package::Package& package, int condition,
                                       const std::vector<std::uint8_t>& picture) {
  const package::PlainNetwork plain = package::materialise(package, condition);
  return cpu::SlowNetwork(plain, package.input_mean, package.input_deviation).run(picture);
}

// The largest difference in parts of the largest logit.
template <class Logits>
double disagreement(const Logits& logits, const std::vector<double>& expected) {
  double largest = 1e-9, worst = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    largest = std::max(largest, std::abs(expected[i]));
    const double difference = std::abs(static_cast<double>(logits[i]) - expected[i]);
    worst = difference <= worst ? worst : difference;  // no number is the worst of all
  }
  return worst / largest;
}

}  // namespace automask::cuda
