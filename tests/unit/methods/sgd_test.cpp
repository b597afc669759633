#include "methods/training/sgd.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/optim/sgd.h>

#include "models/network.h"
#include "tests/unit/graph/networks.h"

namespace automask::methods {
namespace {

torch::Tensor loss_of(models::Network& network, int step) {
  const torch::Tensor x = at::sin(at::arange(4 * 3 * 64, torch::kFloat) * double(step + 1)).view({4, 3, 8, 8});
  return at::cross_entropy_loss(network.forward(x), at::tensor({0, 1, 2, 1}, torch::kLong));
}

TEST(FlatSgd, EqualsLibTorchsNesterov) {
  const graph::Graph net = networks::cifar_resnet(1, 4, 8, 3);
  models::Network ours(net, 1, 1), theirs(net, 1, 1);
  FlatSgd flat(ours, 0.9, 0.01);
  std::vector<torch::Tensor> decayed, free;
  for (const torch::Tensor& p : theirs.parameters()) (p.dim() > 1 ? decayed : free).push_back(p);
  const auto options = torch::optim::SGDOptions(0.1).momentum(0.9).nesterov(true);
  torch::optim::SGD with(decayed, torch::optim::SGDOptions(options).weight_decay(0.01)), without(free, options);
  for (int step = 0; step < 5; ++step) {
    flat.zero_gradients();
    loss_of(ours, step).backward();
    flat.step(0.1);
    with.zero_grad();
    without.zero_grad();
    loss_of(theirs, step).backward();
    with.step();
    without.step();
  }
  const auto expected = theirs.named_parameters();
  for (const auto& p : ours.named_parameters())
    EXPECT_TRUE(at::allclose(p.value(), expected[p.key()], 1e-4, 1e-6)) << p.key();
}

TEST(FlatSgd, KeepsValuesShapesAndLayout) {
  const graph::Graph net = networks::cifar_resnet(1, 4, 8, 3);
  models::Network moved(net, 2, 7);
  const models::Network plain(net, 2, 7);
  FlatSgd flat(moved, 0.9, 0);
  std::int64_t count = 0;
  const auto expected = plain.named_parameters();
  for (const auto& p : moved.named_parameters()) {
    EXPECT_TRUE(at::equal(p.value(), expected[p.key()])) << p.key();
    if (p.value().dim() == 4) {
      EXPECT_TRUE(p.value().is_contiguous(torch::MemoryFormat::ChannelsLast)) << p.key();
    }
    count += p.value().numel();
  }
  EXPECT_EQ(flat.values().numel(), count);
}

}  // namespace
}  // namespace automask::methods
