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
  return groups.groups.at(groups.of_node.at(net.find(node)).at(0).group);
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

TEST(ChannelGroups, AGroupedConvolutionIsMaskedByItsGroups) {
  const graph::Graph net = networks::grouped();
  const graph::ChannelGroups groups = graph::channel_groups(net);
  const int g = groups.of_node[net.find("conv1")][0].group;
  // 4 channels in, 6 out, 2 groups: a member has 2 of the one and 3 of the other.
  EXPECT_TRUE(groups.groups[g].maskable);
  EXPECT_EQ(groups.groups[g].channels, 2);
  EXPECT_THAT(names(net, groups.groups[g].producers), ElementsAre("conv1", "conv2"));
  EXPECT_THAT(groups.of_node[net.find("conv1")], ElementsAre(graph::Segment{g, 0, 2, 2}));
  EXPECT_THAT(groups.of_node[net.find("bn2")], ElementsAre(graph::Segment{g, 0, 2, 3}));
  const int flat = groups.of_node[net.find("conv3")][0].group;
  EXPECT_THAT(groups.of_node[net.find("flatten")], ElementsAre(graph::Segment{flat, 0, 5, 9}));
}

TEST(ChannelGroups, AConcatLinesUpSegments) {
  const graph::Graph net = networks::inception();
  const graph::ChannelGroups groups = graph::channel_groups(net);
  const auto& joined = groups.of_node[net.find("inception0.concat")];
  ASSERT_EQ(joined.size(), 3u);
  for (int branch = 0; branch < 3; ++branch) {
    const char* producers[] = {"inception0.1.conv", "inception0.2.1.conv", "inception0.3.conv"};
    const graph::ChannelGroup& group = groups.groups[joined[branch].group];
    EXPECT_EQ(group.name, producers[branch]);
    EXPECT_TRUE(group.maskable);
    EXPECT_THAT(joined, testing::Contains(graph::Segment{joined[branch].group, 0, group.channels, 1}));
  }
  EXPECT_EQ(groups.of_node[net.find("inception1.3.pool")], joined);
}

// A convolution that is added to a concat falls apart as the concat does.
TEST(ChannelGroups, AnAddToAConcatTiesPieceByPiece) {
  const graph::Graph net = networks::dense();
  const graph::ChannelGroups groups = graph::channel_groups(net);
  const auto& pieces = groups.of_node[net.find("other")];
  EXPECT_EQ(pieces, groups.of_node[net.find("layer1.concat")]);
  ASSERT_EQ(pieces.size(), 2u);  // not three: the grouped convolution ties the layers' channels to each other
  EXPECT_EQ(pieces, groups.of_node[net.find("add")]);
  // A normalisation behind a concat gates every group that it sees.
  const int norm = net.find("layer1.norm");
  for (const graph::Segment& segment : groups.of_node[norm])
    EXPECT_THAT(groups.groups[segment.group].gates, testing::Contains(norm));
}

TEST(ChannelGroups, ADepthwiseConvolutionWithAMultiplierKeepsItsFiltersTogether) {
  graph::Graph net = networks::start("n", 1, 4, 4);
  int at = net.add("conv", graph::Op::conv2d, {0}, networks::conv(3, 3, 1, 1));
  at = net.add("depthwise", graph::Op::conv2d, {at}, networks::conv(6, 3, 1, 1, false, 3));
  networks::head(net, at, 2);
  const graph::ChannelGroups groups = graph::channel_groups(net);
  const int g = groups.of_node[at][0].group;
  EXPECT_EQ(groups.groups[g].channels, 3);
  EXPECT_THAT(groups.of_node[at], ElementsAre(graph::Segment{g, 0, 3, 2}));
  EXPECT_THAT(groups.of_node[at - 1], ElementsAre(graph::Segment{g, 0, 3, 1}));
}

TEST(ChannelGroups, FeaturesNormalisedAfterAFlattenFollowTheirChannel) {
  graph::Graph net = networks::start("n", 1, 4, 4);
  int at = net.add("conv", graph::Op::conv2d, {0}, networks::conv(3, 3));
  at = net.add("bn", graph::Op::batch_norm, {net.add("flatten", graph::Op::flatten, {at})});
  net.add("fc", graph::Op::linear, {at}, networks::features(2));
  const graph::ChannelGroups groups = graph::channel_groups(net);
  const int g = groups.of_node[net.find("conv")][0].group;
  EXPECT_TRUE(groups.groups[g].maskable);
  EXPECT_THAT(groups.of_node[at], ElementsAre(graph::Segment{g, 0, 3, 4}));
}

TEST(ChannelGroups, AFlattenedPicturePlusFeaturesTiesTheFeatures) {
  graph::Graph net = networks::start("n", 1, 4, 4);
  int at = net.add("conv", graph::Op::conv2d, {0}, networks::conv(3, 3));
  at = net.add("flatten", graph::Op::flatten, {at});  // 3 channels of 4 values
  const int features = net.add("fc1", graph::Op::linear, {at}, networks::features(12));
  at = net.add("add", graph::Op::add, {at, features});
  net.add("fc2", graph::Op::linear, {at}, networks::features(2));
  const graph::ChannelGroups groups = graph::channel_groups(net);
  EXPECT_EQ(groups.of_node[features], groups.of_node[at]);
  EXPECT_EQ(groups.of_node[features][0].repeat, 4);
  EXPECT_TRUE(group_of(net, groups, "conv").maskable);
}

TEST(ChannelGroups, WhatIsAddedToTheInputIsNotMaskable) {
  graph::Graph net = networks::start("n", 3, 4, 4);
  const int at = net.add("conv", graph::Op::conv2d, {0}, networks::conv(3, 3, 1, 1));
  networks::head(net, net.add("add", graph::Op::add, {at, 0}), 2);
  EXPECT_FALSE(group_of(net, graph::channel_groups(net), "conv").maskable);
}

}  // namespace
}  // namespace automask
