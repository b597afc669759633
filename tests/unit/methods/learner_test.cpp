#include "methods/training/learner.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/utils.h>

#include "graph/union.h"
#include "methods/training/affine.h"
#include "tests/unit/models/checkpoints.h"

namespace automask::methods {
namespace {

// One step on fixed pictures, every set of the network in turn.
void step(Learner& learner, const torch::Tensor& x, const torch::Tensor& labels) {
  learner.network.train();
  learner.optimizer.zero_gradients();
  for (int k = 0; k < learner.network.conditions(); ++k)
    at::cross_entropy_loss(learner.network.forward(x, k), labels).backward();
  learner.optimizer.step(0.05);
}

TEST(Learner, GoesOnAsTheSameTrainingWhenShrunk) {
  std::mt19937 random(8);
  for (const graph::Graph& net : {networks::cifar_resnet(1, 8, 8), networks::depthwise()}) {
    LearnerOptions options;
    options.network = {2, false, net.name != networks::depthwise().name};
    options.weight_decay = 1e-3;
    options.seed = 5;
    Learner whole(net, options);
    const graph::ChannelGroups groups = whole.network.groups();
    const std::vector<graph::Mask> masks = {networks::random_mask(groups, random, 0.5F),
                                            networks::random_mask(groups, random, 0.5F)};
    for (int k = 0; k < 2; ++k) whole.network.set_mask(k, masks[static_cast<std::size_t>(k)]);
    const torch::Tensor x = at::randn({6, net.input.channels, net.input.height, net.input.width});
    const torch::Tensor labels = at::tensor({0, 1, 2, 0, 1, 2}, torch::kLong);
    for (int i = 0; i < 3; ++i) step(whole, x, labels);  // so that there is a velocity

    const std::unique_ptr<Learner> small = whole.shrunk(graph::united(masks));
    EXPECT_LT(small->optimizer.values().numel(), whole.optimizer.values().numel());
    for (int i = 0; i < 4; ++i) {
      for (int k = 0; k < 2; ++k) {
        const torch::NoGradGuard no_grad;
        whole.network.eval(), small->network.eval();
        EXPECT_TRUE(at::allclose(whole.network.forward(x, k), small->network.forward(x, k), 1e-3, 1e-4))
            << net.name << " after " << i << " more steps";
      }
      step(whole, x, labels);
      step(*small, x, labels);
    }
  }
}

TEST(Learner, AFrozenBackboneKeepsItsWeights) {
  LearnerOptions options;
  options.network = {2, false};
  options.frozen = backbone_of(networks::cifar_resnet(1, 8, 8));
  options.weight_decay = 1e-3;
  Learner learner(networks::cifar_resnet(1, 8, 8), options);
  models::Checkpoint before, after;
  learner.network.store(before);
  const torch::Tensor x = at::randn({4, 3, 8, 8});
  for (int i = 0; i < 3; ++i) step(learner, x, at::tensor({0, 1, 2, 3}, torch::kLong));
  learner.network.store(after);
  for (const auto& [name, tensor] : before.weights)
    EXPECT_EQ(tensor.data == after.weights.at(name).data, options.frozen.count(name.substr(0, name.rfind('.'))) != 0)
        << name;
  EXPECT_NE(before.normalisation[1].at("bn1.weight").data, after.normalisation[1].at("bn1.weight").data);
}

TEST(Affine, FollowsEveryLayerButTheLast) {
  const graph::Graph net = networks::lenet(), with = with_affine(net);
  EXPECT_FALSE(has_normalisation(net));
  EXPECT_TRUE(has_normalisation(with));
  EXPECT_EQ(with.nodes.size(), net.nodes.size() + 4);
  for (const char* name : {"conv1.affine", "conv2.affine", "fc1.affine", "fc2.affine"})
    EXPECT_GE(with.find(name), 0) << name;
  EXPECT_EQ(with.find("fc3.affine"), -1);
  EXPECT_NO_THROW(graph::infer_shapes(with));
  // It starts as the same function.
  models::Network plain(net, 1, 3), affine(with, 2, 3);
  plain.eval(), affine.eval();
  const torch::NoGradGuard no_grad;
  const torch::Tensor x = at::randn({2, 1, 28, 28});
  for (int k = 0; k < 2; ++k) EXPECT_TRUE(at::allclose(plain.forward(x), affine.forward(x, k)));
}

}  // namespace
}  // namespace automask::methods
