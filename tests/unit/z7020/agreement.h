#pragma once
// Holds the engine's simulation against the integer reference, and makes packages with masks.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "hw_targets/package/package.h"
#include "hw_targets/package/reference.h"
#include "hw_targets/z7020/execute.h"
#include "tests/unit/cpu/integer_networks.h"
#include "tests/unit/cpu/networks.h"

namespace automask::z7020 {

// Pictures of random bytes, the same one after the other: a value must not survive into the next.
inline ::testing::AssertionResult agrees(const package::IntegerNetwork& network, Executor& executor, int condition,
                                         unsigned pictures = 2) {
  for (unsigned p = 0; p < pictures; ++p) {
    const auto picture = cpu::random_picture(network.graph.input, p);
    const std::vector<float> expected = package::reference_logits(network, picture.data());
    std::vector<float> logits(expected.size(), -1e9F);
    executor.run(condition, picture.data(), logits.data());
    for (std::size_t i = 0; i < expected.size(); ++i)
      if (logits[i] != expected[i])
        return ::testing::AssertionFailure() << "picture " << p << ", logit " << i << " of " << expected.size() << ": "
                                             << logits[i] << " instead of " << expected[i];
  }
  return ::testing::AssertionSuccess();
}

inline ::testing::AssertionResult agrees(const package::IntegerNetwork& network, unsigned pictures = 2) {
  const Image image = compile(network);
  const auto port = simulation_port();
  Executor executor(image, *port);
  return agrees(network, executor, 0, pictures);
}

// An INT8 package of this graph, which has no affine: random weights, and per condition random masks and
// requantisations of its own. Every channel is kept by some condition.
inline package::Package masked_package(const graph::Graph& graph, int conditions, double kept, unsigned seed,
                                       bool private_stem = false) {
  std::mt19937 random(seed);
  package::Package package;
  package.graph = graph;
  package.format = package::Format::int8;
  const graph::ChannelGroups groups = graph::channel_groups(graph);
  std::vector<graph::Mask> masks;
  for (int k = 0; k < conditions; ++k) {
    graph::Mask mask = graph::full_mask(groups);
    for (std::size_t g = 0; g < mask.size(); ++g) {
      if (!groups.groups[g].maskable) continue;
      for (std::uint8_t& flag : mask[g]) flag = std::bernoulli_distribution(kept)(random) ? 1 : 0;
      mask[g][random() % mask[g].size()] = 1;
    }
    masks.push_back(mask);
  }
  for (std::size_t g = 0; g < groups.groups.size(); ++g)
    for (std::size_t c = 0; c < masks[0][g].size(); ++c)
      if (std::none_of(masks.begin(), masks.end(), [&](const graph::Mask& m) { return m[g][c] != 0; }))
        masks[c % masks.size()][g][c] = 1;
  for (int k = 0; k < conditions; ++k) {
    const package::IntegerNetwork network = cpu::random_integers(graph, seed + static_cast<unsigned>(k), false);
    if (k == 0) {
      for (const auto& [name, shape] : graph::parameter_shapes(graph)) {
        if (!name.ends_with(".weight")) continue;
        const std::string node = name.substr(0, name.rfind('.'));
        const auto& values = network.weights.at(node);
        package.weights[name] = {shape, std::vector<float>(values.begin(), values.end())};
        package.weight_scale[node].assign(static_cast<std::size_t>(shape[0]), 0.01F);
      }
      package.input_table = network.input_table;
    }
    package::Condition condition;
    condition.name = k == 0 ? "clean" : "jpeg:q" + std::to_string(10 * k);
    condition.mask = masks[static_cast<std::size_t>(k)];
    condition.integers = network.integers;
    if (private_stem)
      for (const int stem : graph::stem_nodes(graph)) {
        const std::string& node = graph.nodes[static_cast<std::size_t>(stem)].name;
        const auto& values = network.weights.at(node);
        condition.weights[node + ".weight"] = {package.weights.at(node + ".weight").shape,
                                               std::vector<float>(values.begin(), values.end())};
        condition.weight_scale[node] = package.weight_scale.at(node);
      }
    package.private_stem = !condition.weights.empty();
    package.conditions.push_back(std::move(condition));
  }
  for (const auto& own : package.conditions[0].weights) package.weights.erase(own.first);
  for (const auto& own : package.conditions[0].weight_scale) package.weight_scale.erase(own.first);
  package.input_mean.assign(static_cast<std::size_t>(graph.input.channels), 0.5F);
  package.input_deviation.assign(static_cast<std::size_t>(graph.input.channels), 0.25F);
  for (int c = 0; c < graph::infer_shapes(graph).back().channels; ++c)
    package.classes.push_back("class " + std::to_string(c));
  return package;
}

}  // namespace automask::z7020
