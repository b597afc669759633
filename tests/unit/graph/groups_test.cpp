#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/graph.h"
#include "tests/unit/graph/networks.h"

namespace automask {
namespace {

using testing::ElementsAre;

std::vector<std::string> names(const graph::Graph& net, const std::vector<int>& nodes) {
  std::vector<std::string> result;
  for (const int i : nodes) result.push_back(net.nodes[i].name);
  return result;
}

const graph::ChannelGroup& group_of(const graph::Graph& net, const graph::ChannelGroups& groups, const char* node) {
  return groups.groups.at(groups.of_node.at(net.find(node)));
}

TEST(ChannelGroups, OfAChain) {
  const graph::Graph net = networks::chain();
  const graph::ChannelGroups groups = graph::channel_groups(net);
  ASSERT_EQ(groups.groups.size(), 5u);
  EXPECT_FALSE(group_of(net, groups, "input").maskable);
  EXPECT_FALSE(group_of(net, groups, "fc").maskable);
  const auto& first = group_of(net, groups, "conv1");
  EXPECT_TRUE(first.maskable);
  EXPECT_EQ(first.channels, 5);
  EXPECT_EQ(first.name, "conv1");
  EXPECT_EQ(groups.of_node[net.find("pool1")], groups.of_node[net.find("conv1")]);
  EXPECT_THAT(names(net, first.gates), ElementsAre("bn1"));
  EXPECT_THAT(names(net, group_of(net, groups, "conv2").gates), ElementsAre("conv2"));
  EXPECT_EQ(groups.of_node[net.find("flatten")], groups.of_node[net.find("conv3")]);
}

TEST(ChannelGroups, ResidualAddsTieTheirProducers) {
  const graph::Graph net = networks::cifar_resnet(2, 4, 8);
  const graph::ChannelGroups groups = graph::channel_groups(net);
  const auto& stage1 = group_of(net, groups, "layer1.1.relu");
  EXPECT_THAT(names(net, stage1.producers), ElementsAre("conv1", "layer1.0.conv2", "layer1.1.conv2"));
  EXPECT_THAT(names(net, stage1.gates), ElementsAre("bn1", "layer1.0.bn2", "layer1.1.bn2"));
  EXPECT_EQ(stage1.name, "conv1");
  EXPECT_TRUE(stage1.maskable);
  const auto& stage2 = group_of(net, groups, "layer2.0.add");
  EXPECT_THAT(names(net, stage2.producers), ElementsAre("layer2.0.conv2", "layer2.0.downsample.0", "layer2.1.conv2"));
  EXPECT_THAT(names(net, group_of(net, groups, "layer2.1.conv1").producers), ElementsAre("layer2.1.conv1"));
}

TEST(ChannelGroups, DepthwiseSharesItsInputsGroupAndIsGatedAgain) {
  const graph::Graph net = networks::depthwise();
  const graph::ChannelGroups groups = graph::channel_groups(net);
  const auto& middle = group_of(net, groups, "block0.expand");
  EXPECT_THAT(names(net, middle.producers), ElementsAre("block0.expand", "block0.depthwise"));
  EXPECT_THAT(names(net, middle.gates), ElementsAre("block0.expand_bn", "block0.depthwise_bn"));
  EXPECT_TRUE(middle.maskable);
}

TEST(ChannelGroups, ANormalisationAfterAnAddIsGated) {
  const graph::Graph net = networks::preactivation();
  const graph::ChannelGroups groups = graph::channel_groups(net);
  // The convolutions themselves too: the add reads them directly.
  EXPECT_THAT(names(net, group_of(net, groups, "conv1").gates),
              ElementsAre("conv1", "block0.bn1", "block0.conv2", "block1.bn1", "block1.conv2", "bn"));
}

TEST(ChannelGroups, GroupedConvolutionsAreNotMaskable) {
  const graph::Graph net = networks::grouped();
  const graph::ChannelGroups groups = graph::channel_groups(net);
  EXPECT_FALSE(group_of(net, groups, "conv1").maskable);
  EXPECT_FALSE(group_of(net, groups, "conv2").maskable);
  EXPECT_TRUE(group_of(net, groups, "conv3").maskable);
  EXPECT_TRUE(group_of(net, groups, "fc1").maskable);
  EXPECT_EQ(group_of(net, groups, "flatten").channels, 5);
}

TEST(ChannelGroups, FeaturesNormalisedAfterAnEnlargingFlattenAreNotMaskable) {
  graph::Graph net = networks::start("n", 1, 4, 4);
  int at = net.add("conv", graph::Op::conv2d, {0}, networks::conv(3, 3));
  at = net.add("bn", graph::Op::batch_norm, {net.add("flatten", graph::Op::flatten, {at})});
  net.add("fc", graph::Op::linear, {at}, networks::features(2));
  EXPECT_FALSE(group_of(net, graph::channel_groups(net), "conv").maskable);
}

TEST(ChannelGroups, AFlattenedPicturePlusFeaturesIsNotMaskable) {
  graph::Graph net = networks::start("n", 1, 4, 4);
  int at = net.add("conv", graph::Op::conv2d, {0}, networks::conv(3, 3));
  at = net.add("flatten", graph::Op::flatten, {at});  // 3 members of 4 values
  const int features = net.add("fc1", graph::Op::linear, {at}, networks::features(12));
  at = net.add("add", graph::Op::add, {at, features});
  net.add("fc2", graph::Op::linear, {at}, networks::features(2));
  const graph::ChannelGroups groups = graph::channel_groups(net);
  EXPECT_FALSE(group_of(net, groups, "conv").maskable);
  EXPECT_FALSE(group_of(net, groups, "fc1").maskable);
}

TEST(ChannelGroups, WhatIsAddedToTheInputIsNotMaskable) {
  graph::Graph net = networks::start("n", 3, 4, 4);
  const int at = net.add("conv", graph::Op::conv2d, {0}, networks::conv(3, 3, 1, 1));
  networks::head(net, net.add("add", graph::Op::add, {at, 0}), 2);
  EXPECT_FALSE(group_of(net, graph::channel_groups(net), "conv").maskable);
}

}  // namespace
}  // namespace automask
