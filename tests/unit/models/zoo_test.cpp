#include "models/zoo.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/unit/core/throws.h"
#include "tests/unit/graph/networks.h"

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

const ZooEntry& entry_of(const std::string& name) {
  const ZooEntry* entry = find_in_zoo(name);
  if (entry == nullptr) throw std::out_of_range(name);
  return *entry;
}

graph::Graph published(const std::string& name) {
  const ZooEntry& entry = entry_of(name);
  return build_published(entry, entry.preprocessing.input, entry.classes);
}

TEST(Zoo, EveryEntryBuildsForItsOwnInput) {
  ASSERT_FALSE(zoo().empty());
  for (const ZooEntry& entry : zoo()) {
    const graph::Graph graph = build({{"name", entry.name}}, entry.preprocessing.input, 7);
    EXPECT_EQ(graph.name, entry.name);
    EXPECT_EQ(graph::infer_shapes(graph).back(), (graph::Shape{7, 1, 1})) << entry.name;
    EXPECT_EQ(graph::to_json(graph), graph::to_json(build_published(entry, entry.preprocessing.input, 7)));
  }
}

TEST(Zoo, SmallNetworksTakeGrayPicturesToo) {
  for (const char* name : {"tinynet", "resnet8", "resnet14", "resnet20", "resnet18", "mobilenet_v2"})
    EXPECT_EQ(graph::infer_shapes(build({{"name", name}}, {1, 28, 28}, 7)).back(), (graph::Shape{7, 1, 1})) << name;
}

// Parameters: torchvision 0.14's `num_params` of each network's weights; efficientnet_lite_pytorch's state dicts.
// Multiply-accumulates: torchvision's documentation ("GFLOPS" of each model's page, one for a multiply-accumulate,
// three decimals); for EfficientNet-Lite the table in the README of github.com/d-li14/efficientnet-lite.pytorch.
// TensorFlow's own table (407, 631 and 899 million) is 4 to 6 % higher: its profiler counts more than convolutions and
// linear layers.
TEST(Zoo, SizesArePublished) {
  const struct {
    const char* name;
    std::int64_t parameters;
    double gmacs, unit;
  } table[] = {{"alexnet", 61100840, 0.714, 1e-3},           {"vgg16", 138357544, 15.47, 1e-2},
               {"vgg16_bn", 138365992, 15.47, 1e-2},         {"resnet18", 11689512, 1.814, 1e-3},
               {"resnet34", 21797672, 3.664, 1e-3},          {"resnet50", 25557032, 4.089, 1e-3},
               {"mobilenet_v2", 3504872, 0.301, 1e-3},       {"squeezenet1_1", 1235496, 0.349, 1e-3},
               {"googlenet", 6624904, 1.498, 1e-3},          {"efficientnet_lite0", 4652008, 0.385, 1e-3},
               {"efficientnet_lite1", 5416680, 0.600, 1e-3}, {"efficientnet_lite2", 6092072, 0.860, 1e-3}};
  for (const auto& row : table) {
    const graph::Cost cost = graph::cost(published(row.name));
    EXPECT_EQ(cost.parameters, row.parameters) << row.name;
    EXPECT_NEAR(double(cost.macs) / 1e9, row.gmacs, row.unit / 2 * 1.0001) << row.name;
  }
}

TEST(Zoo, StatesArePublished) {
  const struct {
    const char *network, *tensor;
    std::vector<std::int64_t> shape;
  } table[] = {{"alexnet", "classifier.1.weight", {4096, 9216}},
               {"vgg16", "features.28.bias", {512}},
               {"vgg16_bn", "features.41.running_var", {512}},
               {"resnet50", "layer1.0.downsample.1.running_mean", {256}},
               {"resnet50", "layer4.2.conv3.weight", {2048, 512, 1, 1}},
               {"mobilenet_v2", "features.1.conv.0.0.weight", {32, 1, 3, 3}},
               {"mobilenet_v2", "features.17.conv.3.weight", {320}},
               {"squeezenet1_1", "features.12.expand3x3.weight", {256, 64, 3, 3}},
               {"googlenet", "inception4e.branch3.1.conv.weight", {128, 32, 3, 3}},
               {"googlenet", "inception5b.branch4.1.bn.bias", {128}},
               {"efficientnet_lite0", "_blocks.15._project_conv.weight", {320, 1152, 1, 1}},
               {"efficientnet_lite2", "_fc.weight", {1000, 1280}}};
  for (const auto& row : table) {
    bool found = false;
    for (const auto& [name, shape] : graph::parameter_shapes(published(row.network))) {
      if (name != row.tensor) continue;
      found = true;
      EXPECT_EQ(shape, row.shape) << row.network << " " << row.tensor;
    }
    EXPECT_TRUE(found) << row.network << " " << row.tensor;
  }
}

TEST(Zoo, PreprocessingIsTheWeights) {
  const Preprocessing& resnet = entry_of("resnet50").preprocessing;
  EXPECT_EQ(resnet.input, (graph::Shape{3, 224, 224}));
  EXPECT_EQ(resnet.resizing.resize, 256);
  EXPECT_EQ(resnet.resizing.interpolation, Interpolation::bilinear);
  EXPECT_FLOAT_EQ(resnet.scaling.mean[2], 0.406F);
  const Preprocessing& lite = entry_of("efficientnet_lite2").preprocessing;
  EXPECT_EQ(lite.input, (graph::Shape{3, 260, 260}));
  EXPECT_EQ(lite.resizing.resize, 292);
  EXPECT_EQ(lite.resizing.interpolation, Interpolation::bicubic);
  EXPECT_FLOAT_EQ((200 / 255.0F - lite.scaling.mean[0]) / lite.scaling.deviation[0], (200 - 127) / 128.0F);
  EXPECT_FLOAT_EQ(entry_of("googlenet").preprocessing.scaling.deviation[1], 0.5F);
}

// SAME padding at even and odd sizes: 224 -> 112 needs one pixel, 65 -> 33 two.
TEST(Zoo, EfficientNetLitePadsAsTensorFlow) {
  const graph::Graph graph = published("efficientnet_lite2");
  const graph::Attributes& stem = graph.nodes[graph.find("_conv_stem")].attributes;
  EXPECT_EQ((std::vector<int>{stem.pad_top, stem.pad_bottom}), (std::vector<int>{0, 1}));
  const std::vector<graph::Shape> shapes = graph::infer_shapes(graph);
  EXPECT_EQ(shapes[graph.find("_blocks.1._bn1")].height, 65);  // 260, 130, 65, 33, 17, 9
  const graph::Attributes& odd = graph.nodes[graph.find("_blocks.4._depthwise_conv")].attributes;
  EXPECT_EQ((std::vector<int>{odd.pad_top, odd.pad_bottom}), (std::vector<int>{2, 2}));
  EXPECT_EQ(shapes[graph.find("_bn1")].height, 9);
}

TEST(Zoo, AveragePoolsToAFixedSizeAreExpressedOrRefused) {
  EXPECT_EQ(published("alexnet").find("avgpool"), -1) << "at 224 pixels there is nothing to pool";
  const graph::Graph twice = build_published(entry_of("vgg16"), {3, 448, 448}, 10);
  EXPECT_EQ(twice.nodes[twice.find("avgpool")].attributes.kernel_h, 2);
  try {
    build_published(entry_of("vgg16"), {3, 256, 256}, 10);
    ADD_FAILURE() << "8x8 was pooled to 7x7";
  } catch (const graph::GraphError& e) {
    EXPECT_STREQ(e.what(),
                 "node avgpool: 8x8 cannot be pooled to 7x7 by equal windows; take pictures whose sides are multiples "
                 "of 224");
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

TEST(Zoo, PublishedCheckpointsCarryThePreprocessingAndDropWhatIsIgnored) {
  std::mt19937 random(3);
  const ZooEntry& entry = entry_of("googlenet");
  const std::vector<std::string> classes = {"a", "b", "c"};
  graph::TensorMap weights = networks::random_weights(build_published(entry, {3, 224, 224}, 3), random);
  graph::TensorMap published = weights;
  published["aux1.conv.conv.weight"] = {{1}, {0}};
  const Checkpoint checkpoint = published_checkpoint(entry, published, classes);
  EXPECT_EQ(checkpoint.weights.size(), weights.size());
  EXPECT_FLOAT_EQ(checkpoint.input.mean[0], 0.5F);
  EXPECT_EQ(checkpoint.resizing.resize, 256);
  EXPECT_EQ(checkpoint.normalisation[0].at("conv1.bn.bias").data, weights.at("conv1.bn.bias").data);
  EXPECT_EQ(checkpoint.classes, classes);
  published["more.weight"] = {{1}, {0}};
  EXPECT_THROW(published_checkpoint(entry, published, classes), graph::GraphError);
  weights.erase("fc.bias");
  EXPECT_THROW(published_checkpoint(entry, weights, classes), graph::GraphError);
}

std::vector<std::string> producers(const graph::Graph& graph, const char* node) {
  const graph::ChannelGroups groups = graph::channel_groups(graph);
  std::vector<std::string> names;
  for (const int i : groups.groups[groups.of_node[graph.find(node)][0].group].producers)
    names.push_back(graph.nodes[i].name);
  return names;
}

TEST(Zoo, GroupsOfNetworksWithConcats) {
  using ::testing::ElementsAre;
  const graph::Graph google = published("googlenet"), squeeze = published("squeezenet1_1");
  const graph::ChannelGroups groups = graph::channel_groups(google);
  // The stem's three, six of each of nine modules, the input and the classifier.
  EXPECT_EQ(groups.groups.size(), 3 + 9 * 6 + 2u);
  const auto& joined = groups.of_node[google.find("inception3a.concat")];
  ASSERT_EQ(joined.size(), 4u);
  for (std::size_t branch = 0; branch < 4; ++branch) {
    const int channels[] = {64, 128, 32, 32};
    EXPECT_EQ(joined[branch].members, channels[branch]);
    EXPECT_TRUE(groups.groups[joined[branch].group].maskable);
  }
  EXPECT_EQ(groups.of_node[google.find("maxpool3")], groups.of_node[google.find("inception3b.concat")]);
  EXPECT_THAT(producers(google, "inception5b.branch2.0.bn"), ElementsAre("inception5b.branch2.0.conv"));

  const graph::ChannelGroups fires = graph::channel_groups(squeeze);
  EXPECT_EQ(fires.groups.size(), 1 + 8 * 3 + 2u);
  for (std::size_t g = 1; g + 1 < fires.groups.size(); ++g) EXPECT_TRUE(fires.groups[g].maskable);
  EXPECT_EQ(fires.of_node[squeeze.find("features.4.concat")].size(), 2u);
}

TEST(Zoo, GroupsOfInvertedResiduals) {
  using ::testing::ElementsAre;
  const graph::Graph mobile = published("mobilenet_v2");
  EXPECT_THAT(producers(mobile, "features.2.conv.0.0"), ElementsAre("features.2.conv.0.0", "features.2.conv.1.0"));
  EXPECT_THAT(producers(mobile, "features.3.add"), ElementsAre("features.2.conv.2", "features.3.conv.2"));
  // The stem and the first depthwise convolution, which no expansion precedes.
  EXPECT_THAT(producers(mobile, "features.0.0"), ElementsAre("features.0.0", "features.1.conv.0.0"));
  const graph::Graph lite = published("efficientnet_lite0");
  EXPECT_THAT(producers(lite, "_blocks.2.add"), ElementsAre("_blocks.1._project_conv", "_blocks.2._project_conv"));
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
  EXPECT_SAYS(error_of([] { build({{"name", "resnet50"}, {"width", 8}}, {3, 224, 224}); }), "width");
  EXPECT_SAYS(error_of([] { build({{"name", "mobilenetv2"}}); }), "did you mean \"mobilenet_v2\"?");
}

}  // namespace
}  // namespace automask::models
