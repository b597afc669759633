// shrink(masked) == masked for every network of the zoo, executed by LibTorch at the smallest pictures they take.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/utils.h>

#include <algorithm>

#include "models/network.h"
#include "models/zoo.h"
#include "tests/unit/models/checkpoints.h"
#include "tests/unit/models/small_zoo.h"

namespace automask::models {
namespace {

constexpr int masks_per_network = 20;

// As trained networks have it: activations stay near 1, so that differences mean something in every layer.
Checkpoint calm_checkpoint(const graph::Graph& net, std::mt19937& random) {
  Checkpoint dense = testing::random_checkpoint(net, 1, random);
  for (auto& [name, tensor] : dense.normalisation[0])
    if (name.ends_with(".weight"))
      for (float& value : tensor.data) value = 0.6F + 0.4F * value;
  for (const auto& [name, tensor] : dense.normalisation[0]) dense.weights[name] = tensor;
  return dense;
}

class ZooNetwork : public ::testing::TestWithParam<ZooEntry> {};

TEST_P(ZooNetwork, MaskedEqualsShrunk) {
  const torch::NoGradGuard no_grad;
  at::set_num_threads(2);
  const graph::Graph net = testing::small_published(GetParam());
  std::mt19937 random(21);
  const Checkpoint dense = calm_checkpoint(net, random);
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

// What scores are made of: dLoss/dgate of one channel, against the loss with that gate a little more and less open.
TEST_P(ZooNetwork, GateGradientsEqualFiniteDifferences) {
  at::set_num_threads(1);
  const graph::Graph net = testing::small_published(GetParam());
  std::mt19937 random(23);
  Network network(calm_checkpoint(net, random));
  network.to(torch::kDouble);
  network.eval();
  const graph::ChannelGroups& groups = network.groups();
  network.set_mask(0, graph::full_mask(groups));
  torch::Tensor x = at::empty({1, net.input.channels, net.input.height, net.input.width}, torch::kDouble);
  for (std::int64_t i = 0; i < x.numel(); ++i) x.data_ptr<double>()[i] = networks::uniform(random, -2, 2);
  const torch::Tensor label = at::tensor({3}, torch::kLong);
  network.record_gates(true);
  const double scale = network.forward(x).detach().abs().max().item<double>();  // of logits: near 1 they are smooth
  const auto loss = [&] { return at::cross_entropy_loss(network.forward(x) / scale, label); };
  loss().backward();
  std::vector<torch::Tensor> gradients;
  for (const torch::Tensor& gradient : network.gate_gradients())
    gradients.push_back(gradient.defined() ? gradient.clone() : gradient);

  const torch::NoGradGuard no_grad;
  std::vector<std::size_t> maskable;
  for (std::size_t g = 0; g < groups.groups.size(); ++g)
    if (groups.groups[g].maskable) maskable.push_back(g);
  std::shuffle(maskable.begin(), maskable.end(), random);
  maskable.resize(std::min<std::size_t>(maskable.size(), 5));
  int checked = 0, kinks = 0;
  for (const std::size_t g : maskable)
    for (int trial = 0; trial < 2; ++trial) {
      // The one that matters most, and any one.
      const std::int64_t c = trial == 0 ? gradients[g][0].abs().argmax().item<std::int64_t>()
                                        : static_cast<std::int64_t>(random()) % std::int64_t{groups.groups[g].channels};
      const auto at_gate = [&](float gate) {
        std::vector<std::vector<float>> values;
        for (const auto& group : groups.groups) values.emplace_back(static_cast<std::size_t>(group.channels), 1.0F);
        values[g][static_cast<std::size_t>(c)] = gate;
        network.set_gate_values(0, std::move(values));
        return loss().item<double>();
      };
      const double actual = gradients[g][0][c].item<double>();
      // Exact in FP32; a ReLU or a maximum that turns within the step shows in the wider one.
      const double narrow = (at_gate(1 + 0x1p-18F) - at_gate(1 - 0x1p-18F)) / 0x1p-17,
                   wide = (at_gate(1 + 0x1p-16F) - at_gate(1 - 0x1p-16F)) / 0x1p-15;
      if (std::abs(narrow - wide) > 0.01 * std::abs(narrow) + 1e-9) {
        ++kinks;
        continue;
      }
      EXPECT_NEAR(actual, narrow, 1e-9 + 0.01 * std::abs(narrow)) << groups.groups[g].name << " channel " << c;
      checked += std::abs(narrow) > 1e-7;
    }
  EXPECT_GE(checked, 4) << kinks << " at kinks; gradients of nothing prove nothing";
}

INSTANTIATE_TEST_SUITE_P(Zoo, ZooNetwork, ::testing::ValuesIn(zoo()),
                         [](const auto& entry) { return entry.param.name; });

}  // namespace
}  // namespace automask::models
