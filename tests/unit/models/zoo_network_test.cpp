// shrink(masked) == masked for every network of the zoo, executed by LibTorch at the smallest pictures they take.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/utils.h>

#include "models/network.h"
#include "models/zoo.h"
#include "tests/unit/models/checkpoints.h"

namespace automask::models {
namespace {

constexpr int masks_per_network = 20;

// The published structure on small pictures. AlexNet's and VGG's pooling to a fixed size is left out there as it is at
// 224 pixels, so their first linear layer reads fewer features; their hidden layers have fewer too, to save time.
graph::Graph small_graph(const ZooEntry& entry) {
  graph::Graph graph = build_published(entry, entry.preprocessing.input, 10);
  const int side = entry.name == "alexnet" ? 127 : entry.name == "squeezenet1_1" ? 48 : 32;
  graph.input.height = graph.input.width = side;
  for (graph::Node& node : graph.nodes)
    if (node.op == graph::Op::linear && node.attributes.out_channels == 4096) node.attributes.out_channels = 256;
  if (entry.name.starts_with("efficientnet")) graph = build_published(entry, {3, side, side}, 10);
  return graph;
}

class ZooNetwork : public ::testing::TestWithParam<ZooEntry> {};

TEST_P(ZooNetwork, MaskedEqualsShrunk) {
  const torch::NoGradGuard no_grad;
  at::set_num_threads(2);
  const graph::Graph net = small_graph(GetParam());
  std::mt19937 random(21);
  Checkpoint dense = testing::random_checkpoint(net, 1, random);
  // As trained networks have it: activations stay near 1, so that differences mean something in every layer.
  for (auto& [name, tensor] : dense.normalisation[0])
    if (name.ends_with(".weight"))
      for (float& value : tensor.data) value = 0.6F + 0.4F * value;
  for (const auto& [name, tensor] : dense.normalisation[0]) dense.weights[name] = tensor;
  Network masked(dense);
  masked.eval();
  const graph::ChannelGroups groups = masked.groups();
  torch::Tensor x = at::empty({2, net.input.channels, net.input.height, net.input.width});
  for (std::int64_t i = 0; i < x.numel(); ++i) x.data_ptr<float>()[i] = networks::uniform(random, -2, 2);
  int differ = 0;
  masked.set_mask(0, graph::full_mask(groups));
  const torch::Tensor unmasked = masked.forward(x);
  for (int trial = 0; trial < masks_per_network; ++trial) {
    const graph::Mask mask = networks::random_mask(groups, random, trial % 2 ? 0.5F : 0.8F);
    Checkpoint small;
    small.graph = graph::shrink(net, mask);
    small.weights = graph::shrink_weights(net, mask, dense.weights);
    small.conditions = {"*"};
    small.masks = {graph::full_mask(graph::channel_groups(small.graph))};
    small.normalisation = {small.weights};
    Network shrunk(small);
    shrunk.eval();
    masked.set_mask(0, mask);
    const torch::Tensor expected = masked.forward(x), actual = shrunk.forward(x);
    const double scale = expected.abs().max().item<double>();
    ASSERT_GT(scale, 1e-3) << "trial " << trial;
    ASSERT_LT((expected - actual).abs().max().item<double>(), 1e-4 * scale) << "trial " << trial;
    differ += (expected - unmasked).abs().max().item<double>() > 1e-3 * scale;
  }
  EXPECT_EQ(differ, masks_per_network);
}

INSTANTIATE_TEST_SUITE_P(Zoo, ZooNetwork, ::testing::ValuesIn(zoo()),
                         [](const auto& entry) { return entry.param.name; });

}  // namespace
}  // namespace automask::models
