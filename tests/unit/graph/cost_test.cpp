#include <gtest/gtest.h>

#include "graph/cost.h"
#include "graph/graph.h"
#include "tests/unit/graph/networks.h"

namespace automask {
namespace {

TEST(Cost, OfLeNet5ByHand) {
  const graph::Graph net = networks::lenet();
  const graph::Cost cost = graph::cost(net);
  // conv1 28*28*6*25, conv2 10*10*16*6*25, fc1 400*120, fc2 120*84, fc3 84*10
  EXPECT_EQ(cost.macs, 117600 + 240000 + 48000 + 10080 + 840);
  EXPECT_EQ(cost.parameters, 61706);  // 156 + 2416 + 48120 + 10164 + 850
  const auto nodes = graph::node_costs(net);
  EXPECT_EQ(nodes[net.find("conv2")].macs, 240000);
  EXPECT_EQ(nodes[net.find("conv2")].parameters, 2416);
  EXPECT_EQ(nodes[net.find("pool1")].macs, 0);
}

// He et al. 2016 (arXiv:1512.03385), table 6: ResNet-20 has 0.27 M parameters. Theirs has shortcuts without parameters.
TEST(Cost, OfResNet20) {
  const graph::Graph net = networks::cifar_resnet(3, 16, 32);
  const graph::Cost cost = graph::cost(net);
  // conv1 432 weights at 32x32; 6 x 2304 at 32x32; 4608 + 5 x 9216 at 16x16; 18432 + 5 x 36864 at 8x8; fc 640
  const std::int64_t without_shortcuts = 432 * 1024 + 13824 * 1024 + 50688 * 256 + 202752 * 64 + 640;
  EXPECT_EQ(without_shortcuts, 40551040);
  EXPECT_EQ(cost.macs, without_shortcuts + 512 * 256 + 2048 * 64);
  EXPECT_EQ(cost.macs, 40813184);
  const std::int64_t shortcut_parameters = 512 + 64 + 2048 + 128;
  EXPECT_EQ(cost.parameters, 269722 + shortcut_parameters);
}

TEST(Cost, OfADepthwiseConvolutionByHand) {
  graph::Graph net = networks::start("n", 8, 10, 10);
  net.add("dw", graph::Op::conv2d, {0}, networks::conv(8, 3, 2, 1, true, 8));
  EXPECT_EQ(graph::cost(net).macs, 8 * 9 * 25);
  EXPECT_EQ(graph::cost(net).parameters, 8 * 9 + 8);
}

TEST(Cost, OfAMaskByHand) {
  const graph::Graph net = networks::lenet();
  const graph::ChannelGroups groups = graph::channel_groups(net);
  graph::Mask mask = graph::full_mask(groups);
  const int conv2 = groups.of_node[net.find("conv2")][0].group;
  mask[conv2] = {1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};  // 3 of 16
  EXPECT_EQ(graph::masked_cost(net, groups, mask).macs, 117600 + 10 * 10 * 3 * 6 * 25 + 75 * 120 + 10080 + 840);
  const std::vector<int> kept = graph::kept_counts(mask);
  EXPECT_EQ(kept[conv2], 3);
  const graph::Cost saved = graph::MaskedCost(net, groups).marginal(kept, conv2);
  EXPECT_EQ(saved.macs, 10 * 10 * 6 * 25 + 25 * 120);
  EXPECT_EQ(saved.parameters, 6 * 25 + 1 + 25 * 120);
}

// A convolution whose input and output are one group: removing a channel takes a row and a column.
TEST(Cost, MarginalWithinOneGroup) {
  graph::Graph net = networks::start("n", 1, 4, 4);
  const int first = net.add("first", graph::Op::conv2d, {0}, networks::conv(6, 1));
  const int second = net.add("second", graph::Op::conv2d, {first}, networks::conv(6, 3, 1, 1));
  networks::head(net, net.add("add", graph::Op::add, {first, second}), 2);
  const graph::ChannelGroups groups = graph::channel_groups(net);
  std::vector<int> kept = graph::kept_counts(graph::full_mask(groups));
  kept[groups.of_node[first][0].group] = 5;
  const graph::Cost saved = graph::MaskedCost(net, groups).marginal(kept, groups.of_node[first][0].group);
  EXPECT_EQ(saved.macs, 16 + 16 * 9 * (5 * 5 - 4 * 4) + 2);
  EXPECT_EQ(saved.parameters, 1 + 9 * (5 * 5 - 4 * 4) + 2);
}

TEST(Cost, PeakActivationsByHand) {
  // relu1 [6, 28, 28] beside its input.
  EXPECT_EQ(graph::peak_activation_values(networks::lenet()), 2 * 6 * 28 * 28);
  // In a residual block the shortcut stays alive: 3 buffers of [4, 8, 8].
  EXPECT_EQ(graph::peak_activation_values(networks::cifar_resnet(1, 4, 8)), 3 * 4 * 8 * 8);
}

TEST(Cost, WrongNumberOfCountsIsRefused) {
  const graph::Graph net = networks::lenet();
  const graph::MaskedCost costs(net, graph::channel_groups(net));
  EXPECT_THROW(costs({1, 2}), graph::GraphError);
  EXPECT_THROW(costs.marginal({1, 2}, 0), graph::GraphError);
}

}  // namespace
}  // namespace automask
