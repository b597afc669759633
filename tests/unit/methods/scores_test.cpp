#include "methods/masks/scores.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/utils.h>

#include "methods/masks/mask_cutter.h"
#include "methods/masks/weight_scorers.h"
#include "models/network.h"
#include "tests/unit/models/checkpoints.h"

namespace automask::methods {
namespace {

// Loss of one picture with the gate of one channel at `gate`: the tensors that lead into the gate are scaled by it,
// which is the same thing, relu(g x) being g relu(x).
double loss_with_gate(models::Checkpoint checkpoint, const graph::ChannelGroup& group, int channel, double gate,
                      const torch::Tensor& x, const torch::Tensor& label) {
  const torch::NoGradGuard no_grad;
  for (const int g : group.gates) {
    const std::string& name = checkpoint.graph.nodes[g].name;
    for (const char* suffix : {".weight", ".bias"}) {
      graph::TensorMap& tensors =
          checkpoint.normalisation[0].count(name + suffix) ? checkpoint.normalisation[0] : checkpoint.weights;
      if (!tensors.count(name + suffix)) continue;
      graph::Tensor& tensor = tensors.at(name + suffix);
      const std::size_t row = tensor.data.size() / tensor.shape[0];
      for (std::size_t i = 0; i < row; ++i)
        tensor.data[channel * row + i] = static_cast<float>(tensor.data[channel * row + i] * gate);
    }
  }
  models::Network network(checkpoint);
  network.to(torch::kDouble);
  network.eval();
  return at::cross_entropy_loss(network.forward(x), label).item<double>();
}

TEST(GateGradients, EqualFiniteDifferencesOnChains) {
  std::mt19937 random(4);
  int checked = 0;
  for (const graph::Graph& net : {networks::lenet(), networks::chain()}) {
    const models::Checkpoint checkpoint = testing::random_checkpoint(net, 1, random, 2);  // keeps all channels
    const std::vector<float> pixels[] = {networks::random_picture(net, random), networks::random_picture(net, random)};
    const std::vector<std::int64_t> shape = {1, net.input.channels, net.input.height, net.input.width};
    const torch::Tensor x =
        at::cat({at::tensor(pixels[0]).view(shape), at::tensor(pixels[1]).view(shape)}).to(torch::kDouble);
    const torch::Tensor labels = at::tensor({0, 2}, torch::kLong);

    models::Network network(checkpoint);
    network.to(torch::kDouble);
    network.eval();
    network.record_gates(true);
    at::cross_entropy_loss(network.forward(x), labels, {}, at::Reduction::Sum).backward();
    const auto gradients = network.gate_gradients();
    const graph::ChannelGroups& groups = network.groups();
    for (std::size_t g = 0; g < groups.groups.size(); ++g) {
      if (!groups.groups[g].maskable) continue;
      for (int c = 0; c < std::min(groups.groups[g].channels, 4); ++c)
        for (int n = 0; n < 2; ++n) {
          const double step = 0x1p-12;  // exact in FP32, and small against the way to the next kink of a ReLU
          const auto loss = [&](double gate) {
            return loss_with_gate(checkpoint, groups.groups[g], c, gate, x.narrow(0, n, 1), labels.narrow(0, n, 1));
          };
          const double expected = (loss(1 + step) - loss(1 - step)) / (2 * step);
          const double actual = gradients[g][n][c].item<double>();
          EXPECT_NEAR(actual, expected, 1e-3 + 0.01 * std::abs(expected)) << net.name << " " << groups.groups[g].name;
          checked += std::abs(expected) > 1e-3;
        }
    }
  }
  EXPECT_GT(checked, 20) << "gradients of nothing prove nothing";
}

graph::ChannelGroups two_groups() {
  graph::ChannelGroups groups;
  groups.groups.resize(2);
  groups.groups[0].channels = 3;
  groups.groups[0].maskable = false;
  groups.groups[1].channels = 2;
  return groups;
}

TEST(FisherScorer, AreRunningMeansOfSquares) {
  FisherScorer scores(two_groups(), 1, 0.75);
  scores.add(0, {at::Tensor(), at::tensor({1.0F, 2.0F, 3.0F, 0.0F}).view({2, 2})}, 2);
  // Squares of doubled gradients, mean over two pictures; the first takes the place of the empty mean.
  EXPECT_EQ(scores.own(0)[1], (std::vector<double>{(4 + 36) / 2.0, (16 + 0) / 2.0}));
  EXPECT_TRUE(scores.own(0)[0].empty());
  scores.add(0, {at::Tensor(), at::tensor({1.0F, 1.0F}).view({1, 2})}, 1);
  EXPECT_EQ(scores.own(0)[1], (std::vector<double>{0.75 * 20 + 0.25, 0.75 * 8 + 0.25}));
}

TEST(FisherScorer, ConsensusMixesMeanAndOwn) {
  FisherScorer scores(two_groups(), 2, 0);
  scores.add(0, {at::Tensor(), at::tensor({1.0F, 0.0F}).view({1, 2})}, 1);
  scores.add(1, {at::Tensor(), at::tensor({0.0F, 3.0F}).view({1, 2})}, 1);
  const auto mix = [&](int condition, double consensus, const std::vector<double>& weights) {
    return mixed({&scores.own(0), &scores.own(1)}, weights, condition, consensus)[1];
  };
  const std::vector<double> alike = {0.5, 0.5};
  // Means are 0.5 and 4.5; condition 0's own scores, scaled to that sum, are 5 and 0.
  EXPECT_EQ(mix(0, 1, alike), (std::vector<double>{0.5, 4.5}));
  EXPECT_EQ(mix(1, 1, alike), mix(0, 1, alike));
  EXPECT_EQ(mix(0, 0, alike), (std::vector<double>{5, 0}));
  EXPECT_EQ(mix(0, 0.5, alike), (std::vector<double>{2.75, 2.25}));
  EXPECT_EQ(mix(0, 1, {0.75, 0.25}), (std::vector<double>{0.75, 2.25}));
}

TEST(MaskGroups, ShareTheirWeightedMean) {
  const Scores a = {{}, {1, 0}}, b = {{}, {0, 3}}, c = {{}, {5, 5}};
  const auto of_groups = grouped({&a, &b, &c}, {0.2, 0.6, 0.2}, {0, 0, 1});
  for (int set : {0, 1}) {
    EXPECT_NEAR(of_groups[set][1][0], 0.2 * 1 / 0.8, 1e-12);
    EXPECT_NEAR(of_groups[set][1][1], 0.6 * 3 / 0.8, 1e-12);
  }
  EXPECT_EQ(of_groups[2][1], c[1]);
}

// Two conditions that prize different channels: the penalty draws their masks together, until they are one.
TEST(UnionPenalty, PullsMasksTogether) {
  const graph::Graph net = networks::chain();
  const graph::ChannelGroups groups = graph::channel_groups(net);
  std::mt19937 random(6);
  Scores a, b;
  for (const auto& group : groups.groups) {
    a.emplace_back();
    b.emplace_back();
    for (int c = 0; group.maskable && c < group.channels; ++c) {
      a.back().push_back(1 + networks::uniform(random, 0, 1));
      b.back().push_back(1 + networks::uniform(random, 0, 1));
    }
  }
  const auto masks_of = [&](double penalty) {
    const core::Json method = {
        {"method", "automask"}, {"mac_budget", 0.5}, {"consensus", 0.3}, {"union_penalty", penalty}};
    const MethodSpec spec = MethodSpec::from_json({method, "test"}, "mine", nullptr);
    const MaskCutter cutter(net, spec, 0.5, 0.3, {0.5, 0.5}, {});
    const auto masks = cutter.last({&a, &b});
    for (const graph::Mask& mask : masks) EXPECT_LE(cutter.share(mask), 0.5);
    return std::pair(cutter.mean_overlap(masks), masks);
  };
  const double none = masks_of(0).first, some = masks_of(0.2).first;
  EXPECT_LT(none, some);
  EXPECT_LT(none, 0.95);
  const auto [all, masks] = masks_of(1);
  EXPECT_EQ(all, 1) << "a channel that the common mask drops is worth nothing";
  EXPECT_EQ(masks[0], masks[1]);
}

// Means of magnitudes, where Fisher's are of squares: not the same order of channels.
TEST(TaylorScorer, AreRunningMeansOfMagnitudes) {
  TaylorScorer scores(two_groups(), 1, 0.75);
  scores.add_absolute(0, {at::Tensor(), at::tensor({1.0F, 2.0F, -3.0F, 0.0F}).view({2, 2})}, 2);
  EXPECT_NEAR(scores.own(0)[1][0], (2 + 6) / 2.0, 1e-12);
  EXPECT_NEAR(scores.own(0)[1][1], (4 + 0) / 2.0, 1e-12);
  EXPECT_TRUE(scores.own(0)[0].empty());
  scores.add_absolute(0, {at::Tensor(), at::tensor({-1.0F, 3.0F}).view({1, 2})}, 1);
  EXPECT_NEAR(scores.own(0)[1][0], 0.75 * 4 + 0.25, 1e-12);
  EXPECT_NEAR(scores.own(0)[1][1], 0.75 * 2 + 0.25 * 3, 1e-12);
}

// From a network's own backward pass: the magnitudes of the gate gradients that differences of the loss give.
TEST(TaylorScorer, ReadsTheGateGradients) {
  std::mt19937 random(9);
  const graph::Graph net = networks::chain();
  models::Network network(automask::testing::random_checkpoint(net, 1, random));
  network.eval();
  const graph::ChannelGroups& groups = network.groups();
  network.set_mask(0, graph::full_mask(groups));
  network.record_gates(true);
  const torch::Tensor x = at::rand({3, net.input.channels, net.input.height, net.input.width}) - 0.5;
  at::cross_entropy_loss(network.forward(x), at::tensor({0, 1, 2}, torch::kLong)).backward();
  TaylorScorer taylor(groups, 1, 0);
  FisherScorer fisher(groups, 1, 0);
  taylor.after_backward(network, 0, 3);
  fisher.after_backward(network, 0, 3);
  const std::vector<torch::Tensor> gradients = network.gate_gradients(0);
  int compared = 0;
  for (std::size_t g = 0; g < groups.groups.size(); ++g) {
    if (!groups.groups[g].maskable) continue;
    const torch::Tensor rows = gradients[g].to(torch::kDouble) * 3;
    for (std::int64_t c = 0; c < rows.size(1); ++c) {
      EXPECT_NEAR(taylor.own(0)[g][static_cast<std::size_t>(c)], rows.select(1, c).abs().mean().item<double>(), 1e-9);
      EXPECT_NEAR(fisher.own(0)[g][static_cast<std::size_t>(c)], rows.select(1, c).square().mean().item<double>(),
                  1e-9);
      ++compared;
    }
  }
  EXPECT_GT(compared, 4);
}

TEST(FisherScorer, StateRoundTrip) {
  FisherScorer scores(two_groups(), 2, 0.9);
  scores.add(1, {at::Tensor(), at::tensor({0.1F, 1e-20F}).view({1, 2})}, 3);
  FisherScorer other(two_groups(), 2, 0.9);
  other.restore(core::Json::parse(scores.state().dump()));
  EXPECT_EQ(other.own(1), scores.own(1));
  for (FisherScorer* s : {&scores, &other}) s->add(1, {at::Tensor(), at::tensor({0.3F, 0.7F}).view({1, 2})}, 3);
  EXPECT_EQ(other.own(1), scores.own(1));
}

}  // namespace
}  // namespace automask::methods
