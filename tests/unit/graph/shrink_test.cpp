// The central promise: a masked network and its physically smaller version are the same function.
#include <gtest/gtest.h>

#include <random>

#include "graph/cost.h"
#include "graph/graph.h"
#include "tests/unit/graph/networks.h"
#include "tests/unit/graph/reference.h"

namespace automask {
namespace {

class Shrink : public testing::TestWithParam<graph::Graph> {};

TEST_P(Shrink, MaskedEqualsShrunkExactly) {
  const graph::Graph& net = GetParam();
  const graph::ChannelGroups groups = graph::channel_groups(net);
  std::mt19937 random(7);
  const graph::TensorMap weights = networks::random_weights(net, random);
  int differs_from_dense = 0;
  const int trials = networks::trials(24);
  for (int trial = 0; trial < trials; ++trial) {
    const graph::Mask mask = networks::random_mask(groups, random, trial < trials / 2 ? 0.6f : 0.15f);
    const std::vector<float> picture = networks::random_picture(net, random);
    const graph::Graph small = graph::shrink(net, mask);
    const graph::TensorMap small_weights = graph::shrink_weights(net, mask, weights);
    ASSERT_NO_THROW(graph::check_weights(small, small_weights));
    const std::vector<float> masked = reference::execute(net, weights, picture, mask);
    // Leaving out a 0 changes no floating-point sum, so even the last bit agrees.
    ASSERT_EQ(masked, reference::execute(small, small_weights, picture)) << "trial " << trial;
    differs_from_dense += masked != reference::execute(net, weights, picture);
  }
  EXPECT_GT(differs_from_dense, trials / 2);
}

TEST_P(Shrink, MaskedChannelsAreZeroForEveryLayerThatReadsThem) {
  const graph::Graph& net = GetParam();
  const graph::ChannelGroups groups = graph::channel_groups(net);
  std::mt19937 random(8);
  const graph::TensorMap weights = networks::random_weights(net, random);
  const graph::Mask mask = networks::random_mask(groups, random, 0.5f);
  const auto outs = reference::execute_all(net, weights, networks::random_picture(net, random), mask);
  int seen = 0;
  for (const graph::Node& node : net.nodes) {
    if (node.op != graph::Op::conv2d && node.op != graph::Op::linear && node.op != graph::Op::add) continue;
    for (const int input : node.inputs) {
      const std::vector<std::uint8_t> kept = graph::channel_mask(groups, input, mask);
      const std::size_t pixels = outs[input].values.size() / kept.size();
      for (std::size_t i = 0; i < outs[input].values.size(); ++i) {
        if (kept[i / pixels] != 0) continue;
        ASSERT_EQ(outs[input].values[i], 0.0f) << node.name;
        ++seen;
      }
    }
  }
  EXPECT_GT(seen, 0);
}

TEST_P(Shrink, CostsOfTheMaskAreThoseOfTheShrunkNetwork) {
  const graph::Graph& net = GetParam();
  const graph::ChannelGroups groups = graph::channel_groups(net);
  const graph::MaskedCost costs(net, groups);
  std::mt19937 random(9);
  for (int trial = 0; trial < 24; ++trial) {
    const graph::Mask mask = networks::random_mask(groups, random);
    const graph::Cost expected = graph::cost(graph::shrink(net, mask));
    const graph::Cost quick = graph::masked_cost(net, groups, mask);
    EXPECT_EQ(quick.macs, expected.macs);
    EXPECT_EQ(quick.parameters, expected.parameters);

    std::vector<int> kept = graph::kept_counts(mask);
    for (std::size_t g = 0; g < kept.size(); ++g) {
      if (!groups.groups[g].maskable || kept[g] < 2) continue;
      const graph::Cost saved = costs.marginal(kept, static_cast<int>(g));
      --kept[g];
      const graph::Cost less = costs(kept);
      ++kept[g];
      EXPECT_EQ(saved.macs, quick.macs - less.macs);
      EXPECT_EQ(saved.parameters, quick.parameters - less.parameters);
    }
  }
}

TEST_P(Shrink, FullMaskChangesNothing) {
  const graph::Graph& net = GetParam();
  const graph::ChannelGroups groups = graph::channel_groups(net);
  std::mt19937 random(10);
  const graph::TensorMap weights = networks::random_weights(net, random);
  const graph::Mask full = graph::full_mask(groups);
  EXPECT_EQ(graph::to_json(graph::shrink(net, full)), graph::to_json(net));
  const graph::TensorMap same = graph::shrink_weights(net, full, weights);
  ASSERT_EQ(same.size(), weights.size());
  for (const auto& [name, tensor] : weights) EXPECT_EQ(same.at(name).data, tensor.data) << name;
  EXPECT_EQ(graph::masked_cost(net, groups, full).macs, graph::cost(net).macs);
}

INSTANTIATE_TEST_SUITE_P(Networks, Shrink, testing::ValuesIn(networks::all()),
                         [](const auto& net) { return net.param.name; });

std::string fault(const graph::Graph& net, const graph::Mask& mask) {
  try {
    graph::shrink(net, mask);
  } catch (const graph::GraphError& e) {
    return e.what();
  }
  return "";
}

TEST(ShrinkErrors, NameTheGroup) {
  const graph::Graph net = networks::chain();
  const graph::ChannelGroups groups = graph::channel_groups(net);
  const graph::Mask full = graph::full_mask(groups);

  graph::Mask mask = full;
  mask.pop_back();
  EXPECT_EQ(fault(net, mask), "mask: covers 4 channel groups, the graph has 5");
  mask = full;
  mask[1].pop_back();
  EXPECT_EQ(fault(net, mask), "mask of group conv1: covers 4 channels, the group has 5");
  mask = full;
  std::fill(mask[1].begin(), mask[1].end(), std::uint8_t{0});
  EXPECT_EQ(fault(net, mask), "mask of group conv1: keeps no channel");
  mask = full;
  mask[0][1] = 0;
  EXPECT_EQ(fault(net, mask), "mask of group input: this group cannot be masked");
  mask = full;
  mask.back()[0] = 0;
  EXPECT_EQ(fault(net, mask), "mask of group fc: this group cannot be masked");
}

TEST(ShrinkErrors, WeightsMustFitTheDenseGraph) {
  const graph::Graph net = networks::chain();
  std::mt19937 random(1);
  graph::TensorMap weights = networks::random_weights(net, random);
  const graph::Mask full = graph::full_mask(graph::channel_groups(net));
  weights["conv2.weight"].data.pop_back();
  EXPECT_THROW(graph::shrink_weights(net, full, weights), graph::GraphError);
}

}  // namespace
}  // namespace automask
