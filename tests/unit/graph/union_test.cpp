#include "graph/union.h"

#include <gtest/gtest.h>

#include <random>

#include "graph/cost.h"
#include "tests/unit/graph/networks.h"
#include "tests/unit/graph/reference.h"

namespace automask {
namespace {

class Union : public testing::TestWithParam<graph::Graph> {};

TEST_P(Union, MasksWithinItAreTheSameFunction) {
  const graph::Graph& net = GetParam();
  const graph::ChannelGroups groups = graph::channel_groups(net);
  std::mt19937 random(3);
  const graph::TensorMap weights = networks::random_weights(net, random);
  for (int trial = 0; trial < networks::trials(12); ++trial) {
    const std::vector<graph::Mask> masks = {networks::random_mask(groups, random, 0.4F),
                                            networks::random_mask(groups, random, 0.4F)};
    const graph::Mask kept = graph::united(masks);
    const graph::Graph small = graph::shrink(net, kept);
    const graph::TensorMap small_weights = graph::shrink_weights(net, kept, weights);
    const std::vector<graph::Mask> within = graph::masks_within(net, kept, masks);
    ASSERT_EQ(within.size(), 2U);
    const std::vector<float> picture = networks::random_picture(net, random);
    for (std::size_t k = 0; k < 2; ++k) {
      EXPECT_EQ(reference::execute(small, small_weights, picture, within[k]),
                reference::execute(net, weights, picture, masks[k]));
      EXPECT_EQ(graph::cost(graph::shrink(small, within[k])).macs, graph::cost(graph::shrink(net, masks[k])).macs);
    }
  }
}

TEST_P(Union, ExpandingUndoesShrinking) {
  const graph::Graph& net = GetParam();
  std::mt19937 random(4);
  const graph::TensorMap weights = networks::random_weights(net, random);
  for (int trial = 0; trial < networks::trials(12); ++trial) {
    const graph::Mask kept = networks::random_mask(graph::channel_groups(net), random, 0.4F);
    const graph::TensorMap small = graph::shrink_weights(net, kept, weights);
    const graph::TensorMap whole = graph::expand_weights(net, kept, small);
    ASSERT_NO_THROW(graph::check_weights(net, whole));
    const graph::TensorMap again = graph::shrink_weights(net, kept, whole);
    for (const auto& [name, tensor] : small) {
      EXPECT_EQ(again.at(name).data, tensor.data) << name;
      EXPECT_EQ(again.at(name).shape, tensor.shape) << name;
    }
    const std::vector<float> picture = networks::random_picture(net, random);
    EXPECT_EQ(reference::execute(net, whole, picture, kept), reference::execute(net, weights, picture, kept));
  }
}

INSTANTIATE_TEST_SUITE_P(All, Union, testing::ValuesIn(networks::all()),
                         [](const auto& test) { return test.param.name; });

TEST(UnionOfMasks, AreRoundedUpToFastNumbersOfChannels) {
  const graph::Graph net = networks::cifar_resnet(1, 12, 8, 3);
  const graph::ChannelGroups groups = graph::channel_groups(net);
  std::mt19937 random(5);
  const graph::Mask mask = networks::random_mask(groups, random, 0.3F), more = graph::rounded_up(mask, groups, 8);
  for (std::size_t g = 0; g < mask.size(); ++g) {
    const auto count = [g](const graph::Mask& of) { return std::count(of[g].begin(), of[g].end(), 1); };
    for (std::size_t m = 0; m < mask[g].size(); ++m) EXPECT_GE(more[g][m], mask[g][m]);
    if (!groups.groups[g].maskable) continue;
    EXPECT_LT(count(more) - count(mask), 8);
    EXPECT_TRUE(count(more) % 8 == 0 || count(more) == static_cast<long>(more[g].size())) << count(more);
  }
}

TEST(UnionOfMasks, RefusesMasksOfSeveralGraphs) {
  EXPECT_THROW(graph::united({}), graph::GraphError);
  EXPECT_THROW(graph::united({{{1, 0}}, {{1, 0, 1}}}), graph::GraphError);
}

TEST(UnionOfMasks, RefusesWeightsOfAnotherShape) {
  const graph::Graph net = networks::cifar_resnet(1, 4, 8);
  EXPECT_THROW(graph::expand_weights(net, graph::full_mask(graph::channel_groups(net)), {{"conv1.weight", {{1}, {2}}}}),
               graph::GraphError);
}

}  // namespace
}  // namespace automask
