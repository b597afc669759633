#include "methods/masks/learned_gates.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/utils.h>

#include "tests/unit/models/checkpoints.h"

namespace automask::methods {
namespace {

TEST(HardConcrete, SlopeEqualsFiniteDifferences) {
  int inside = 0;
  for (const double log_alpha : {-3.0, -0.5, 0.0, 1.0, 2.5})
    for (const double u : {0.05, 0.3, 0.5, 0.8, 0.99}) {
      const double h = 1e-6;
      const double expected =
          (HardConcreteScorer::gate(log_alpha + h, u) - HardConcreteScorer::gate(log_alpha - h, u)) / (2 * h);
      EXPECT_NEAR(HardConcreteScorer::slope(log_alpha, u), expected, 1e-5) << log_alpha << " " << u;
      inside += expected > 0;
    }
  EXPECT_GT(inside, 5) << "slopes of nothing prove nothing";
}

TEST(HardConcrete, ProbabilityIsTheShareOfOpenGates) {
  for (const double log_alpha : {-2.0, 0.0, 1.5}) {
    int open = 0;
    const int draws = 20000;
    for (int i = 0; i < draws; ++i) open += HardConcreteScorer::gate(log_alpha, (i + 0.5) / draws) > 0;
    EXPECT_NEAR(HardConcreteScorer::open_probability(log_alpha), double(open) / draws, 1e-3);
  }
}

// A network whose class 0 wants one channel and is hindered by another, as both scorers must find.
class Gates : public ::testing::Test {
 protected:
  Gates() {
    net_ = networks::start("two", 1, 2, 2);
    int at = net_.add("conv", graph::Op::conv2d, {0}, networks::conv(3, 1));
    at = net_.add("bn", graph::Op::batch_norm, {at});
    networks::head(net_, net_.add("relu", graph::Op::relu, {at}), 2);
    network_ = std::make_unique<models::Network>(net_, 1, 1);
    network_->eval();
    const torch::NoGradGuard no_grad;
    for (auto& parameter : network_->named_parameters()) {
      if (parameter.key() == "conv.weight") parameter.value().fill_(1);
      if (parameter.key() == "fc.weight")  // channel 0 speaks for class 0, channel 1 for class 1, channel 2 for none
        parameter.value().copy_(at::tensor({1.0F, -1.0F, 0.0F, -1.0F, 1.0F, 0.0F}).view({2, 3}));
    }
  }
  void train(Scorer& scorer, int steps) {
    const torch::Tensor x = at::ones({4, 1, 2, 2}), labels = at::zeros({4}, torch::kLong);
    network_->record_gates(true);
    for (int i = 0; i < steps; ++i) {
      scorer.before_forward(*network_, 0, i);
      at::cross_entropy_loss(network_->forward(x), labels).backward();
      scorer.after_backward(*network_, 0, 4);
    }
    scorer.before_cut(*network_);
  }
  graph::Graph net_;
  std::unique_ptr<models::Network> network_;
};

TEST_F(Gates, LearnedWorthsFollowTheLoss) {
  StraightThroughScorer straight(network_->groups(), 1);
  HardConcreteScorer hard(network_->groups(), 1, 1);
  for (Scorer* scorer : {static_cast<Scorer*>(&straight), static_cast<Scorer*>(&hard)}) {
    train(*scorer, 20);
    const auto& worth = scorer->own(0)[1];
    ASSERT_EQ(worth.size(), 3U);
    EXPECT_GT(worth[0], worth[2]);
    EXPECT_GT(worth[2], worth[1]);
    for (const double value : worth) EXPECT_GE(value, 0);
  }
}

TEST_F(Gates, StepsAreAsLongAsTheyAreToldTo) {
  StraightThroughScorer usual(network_->groups(), 1, {.learning_rate = 0.1, .penalty = 0}),
      twice(network_->groups(), 1, {.learning_rate = 0.2, .penalty = 0});
  // One step each from the same weights.
  train(usual, 1);
  train(twice, 1);
  for (std::size_t c = 0; c < 3; ++c) EXPECT_NEAR(twice.own(0)[1][c] - 1, 2 * (usual.own(0)[1][c] - 1), 1e-12);
  EXPECT_NE(usual.own(0)[1][0], 1);
  // A penalty closes gates that the loss says nothing of.
  HardConcreteScorer free(network_->groups(), 1, 1, {.learning_rate = {}, .penalty = 0}),
      penalised(network_->groups(), 1, 1, {.learning_rate = {}, .penalty = 1});
  train(free, 1);
  train(penalised, 1);
  for (std::size_t c = 0; c < 3; ++c) EXPECT_LT(penalised.own(0)[1][c], free.own(0)[1][c]);
}

TEST_F(Gates, StatesGoOnWithTheSameBits) {
  for (const char* name : {"straight_through", "hard_concrete", "fisher", "random"}) {
    const auto first = make_scorer(name, network_->groups(), 1, 3),
               second = make_scorer(name, network_->groups(), 1, 3);
    train(*first, 5);
    second->restore(core::Json::parse(first->state().dump()));
    train(*first, 3);
    train(*second, 3);
    EXPECT_EQ(first->own(0), second->own(0)) << name;
  }
}

}  // namespace
}  // namespace automask::methods
