#include "models/zoo.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/unit/core/throws.h"

namespace automask::models {
namespace {

graph::Graph build(const core::Json& json, graph::Shape input = {1, 28, 28}, int classes = 10) {
  return build_model({json, "m.json", "/models/x"}, input, classes);
}

std::vector<std::string> parameter_names(const graph::Graph& graph) {
  std::vector<std::string> names;
  for (const auto& [name, shape] : graph::parameter_shapes(graph)) names.push_back(name);
  return names;
}

TEST(Zoo, EveryEntryBuildsForBothInputs) {
  ASSERT_FALSE(zoo().empty());
  for (const ZooEntry& entry : zoo())
    for (const graph::Shape input : {graph::Shape{1, 28, 28}, graph::Shape{3, 32, 32}}) {
      const graph::Graph graph = build({{"name", entry.name}}, input, 7);
      EXPECT_EQ(graph.name, entry.name);
      EXPECT_EQ(graph::infer_shapes(graph).back(), (graph::Shape{7, 1, 1}));
    }
}

// He et al., CVPR 2016, table 6: ResNet-20 has 0.27 M parameters; option B's projections add 2560 + normalisation.
TEST(Zoo, ResNet20HasThePublishedSize) {
  const graph::Cost cost = graph::cost(build({{"name", "resnet20"}}, {3, 32, 32}));
  EXPECT_NEAR(double(cost.parameters) / 1e6, 0.27, 0.005);
  EXPECT_NEAR(double(cost.macs) / 1e6, 41, 0.5);
}

TEST(Zoo, NamesAreTorchvisions) {
  const std::vector<std::string> names = parameter_names(build({{"name", "resnet14"}}));
  const std::set<std::string> set(names.begin(), names.end());
  for (const char* name :
       {"conv1.weight", "bn1.running_var", "layer1.0.conv1.weight", "layer1.1.bn2.bias", "layer2.0.downsample.0.weight",
        "layer2.0.downsample.1.running_mean", "fc.weight", "fc.bias"})
    EXPECT_TRUE(set.count(name)) << name;
  EXPECT_FALSE(set.count("layer1.0.downsample.0.weight")) << "the first stage keeps its shape";
  EXPECT_FALSE(set.count("conv1.bias"));
}

TEST(Zoo, OptionsChangeTheNetwork) {
  const graph::Graph wide = build({{"name", "resnet8"}, {"width", 32}, {"stages", 2}});
  EXPECT_EQ(wide.nodes[wide.find("conv1")].attributes.out_channels, 32);
  EXPECT_LT(wide.find("layer3.0.conv1"), 0);
  const std::int64_t full = graph::cost(build({{"name", "resnet8"}})).macs;
  const std::int64_t strided = graph::cost(build({{"name", "resnet8"}, {"stem_stride", 2}})).macs;
  EXPECT_LT(strided * 3, full);
}

TEST(Zoo, ResidualBlocksTieChannels) {
  const graph::Graph graph = build({{"name", "tinynet"}});
  const graph::ChannelGroups groups = graph::channel_groups(graph);
  const auto& stem = groups.of_node[graph.find("conv1")];
  EXPECT_EQ(groups.of_node[graph.find("layer1.0.conv2")], stem);
  EXPECT_NE(groups.of_node[graph.find("layer1.0.conv1")], stem);
  EXPECT_EQ(groups.of_node[graph.find("layer2.0.conv2")], groups.of_node[graph.find("layer2.0.downsample.0")]);
}

TEST(Zoo, RefusesWithPlaceAndHint) {
  using automask::testing::error_of;
  const core::Error unknown = error_of([] { build({{"name", "resnet9"}}); });
  EXPECT_EQ(unknown.code(), core::ExitCode::invalid_manifest);
  EXPECT_SAYS(unknown, "/models/x/name");
  EXPECT_SAYS(unknown, "did you mean \"resnet8\"?");
  EXPECT_SAYS(error_of([] { build({{"name", "resnet8"}, {"widht", 8}}); }), "did you mean \"width\"?");
  EXPECT_SAYS(error_of([] { build({{"name", "resnet8"}, {"width", 0}}); }), "/models/x/width");
  EXPECT_SAYS(error_of([] { build({{"name", "resnet8"}, {"width", "8"}}); }), "/models/x/width");
  EXPECT_SAYS(error_of([] { build({{"width", 8}}); }), "\"name\" is missing");
}

}  // namespace
}  // namespace automask::models
