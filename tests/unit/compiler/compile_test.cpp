// Compiling against the plain executor; LibTorch comes in verify_test.cpp.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "hw_targets/compiler/compile.h"
#include "tests/unit/compiler/checkpoints.h"
#include "tests/unit/graph/reference.h"
#include "tests/unit/package/estimators.h"

namespace automask {
namespace {

using graph::Op;

graph::TensorMap with_normalisation(const models::Checkpoint& c, std::size_t k) {
  graph::TensorMap weights = c.weights;
  for (const auto& [name, tensor] : c.normalisation[k]) weights[name] = tensor;
  return weights;
}

void expect_same_function(const models::Checkpoint& c, unsigned seed) {
  const package::Package p = package::decode(package::encode(compiler::compile(c)), "p");
  const graph::ChannelGroups groups = graph::channel_groups(c.graph);
  std::mt19937 random(seed);
  ASSERT_EQ(p.conditions.size(), c.conditions.size());
  for (std::size_t k = 0; k < c.conditions.size(); ++k) {
    EXPECT_EQ(p.conditions[k].name, c.conditions[k]);
    const package::PlainNetwork plain = package::materialise(p, static_cast<int>(k));
    EXPECT_EQ(graph::cost(plain.graph).macs, graph::masked_cost(c.graph, groups, c.masks[k]).macs);
    for (int trial = 0; trial < 4; ++trial) {
      const auto picture = networks::random_picture(c.graph, random);
      const auto expected = reference::execute(c.graph, with_normalisation(c, k), picture, c.masks[k]);
      const auto actual = reference::execute(plain.graph, plain.weights, picture);
      ASSERT_EQ(actual.size(), expected.size());
      float largest = 0;
      for (const float value : expected) largest = std::max(largest, std::abs(value));
      for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(actual[i], expected[i], 2e-5F * largest);
    }
  }
}

class Compile : public testing::TestWithParam<graph::Graph> {};

TEST_P(Compile, ThePackageIsTheMaskedNetwork) {
  expect_same_function(checkpoints::make(GetParam(), {"clean", "jpeg:q10", "gaussian_noise:3 > jpeg:q30"}, 3), 3);
  expect_same_function(checkpoints::make(GetParam(), {"*"}, 4), 4);
  expect_same_function(checkpoints::make(GetParam(), {"clean", "jpeg:q10", "jpeg:q20"}, 4, 0.5F, true), 4);
  // So few channels that depthwise groups shrink to one and fall apart.
  expect_same_function(checkpoints::make(GetParam(), {"clean", "jpeg:q10"}, 5, 0.01F), 5);
}

TEST_P(Compile, StoresTheUnionAndNothingElse) {
  models::Checkpoint c = checkpoints::make(GetParam(), {"a", "b"}, 6, 0.3F);
  c.resizing = {256, models::Interpolation::bicubic};
  graph::Mask united = c.masks[0];
  for (std::size_t g = 0; g < united.size(); ++g)
    for (std::size_t i = 0; i < united[g].size(); ++i) united[g][i] |= c.masks[1][g][i];
  const package::Package p = compiler::compile(c);
  EXPECT_EQ(p.input_resize, 256);
  EXPECT_TRUE(p.input_bicubic);
  const graph::Graph expected = graph::shrink(c.graph, united);
  EXPECT_EQ(graph::cost(p.graph).macs, graph::cost(expected).macs);
  const graph::TensorMap weights = graph::shrink_weights(c.graph, united, c.weights);
  for (const auto& [name, tensor] : p.weights) {
    EXPECT_EQ(tensor.shape, weights.at(name).shape) << name;
    EXPECT_EQ(tensor.data, weights.at(name).data) << name;
  }
  for (const graph::Node& node : p.graph.nodes) EXPECT_NE(node.op, Op::batch_norm);
}

INSTANTIATE_TEST_SUITE_P(All, Compile, testing::ValuesIn(networks::all()),
                         [](const auto& net) { return net.param.name; });

TEST(CompileByHand, FoldsTheConditionsOwnStatistics) {
  graph::Graph net = networks::start("n", 1, 2, 2);
  const int at = networks::conv_bn(net, "conv", "bn", 0, networks::conv(3, 1), true);
  networks::head(net, at, 2);
  net.nodes[net.find("bn")].attributes.eps = 0.25;
  models::Checkpoint c = checkpoints::make(net, {"a", "b"}, 1);
  c.masks[0] = {{1}, {1, 0, 0}, {1, 1}};
  c.masks[1] = {{1}, {0, 0, 1}, {1, 1}};
  for (auto& [name, tensor] : c.normalisation[1]) tensor.data = {1, 2, 3};  // weight, bias, mean and variance alike
  c.normalisation[1]["bn.running_var"].data = {0.75F, 2, 3.75F};
  const package::Package p = compiler::compile(c);
  ASSERT_EQ(p.conditions[1].mask, (graph::Mask{{1}, {0, 1}, {1, 1}}));
  // Channel 2 of 3: 3 / sqrt(3.75 + 0.25) = 1.5; 3 - 3 * 1.5 = -1.5. Channel 0 is not of this condition.
  EXPECT_THAT(p.conditions[1].scale.at("bn"), testing::ElementsAre(0, 1.5F));
  EXPECT_THAT(p.conditions[1].bias.at("bn"), testing::ElementsAre(0, -1.5F));
  EXPECT_EQ(p.weights.at("conv.weight").data,
            (std::vector<float>{c.weights["conv.weight"].data[0], c.weights["conv.weight"].data[2]}));
  EXPECT_EQ(p.weights.count("bn.weight"), 0U);
  EXPECT_EQ(p.classes, c.classes);
  EXPECT_EQ(p.input_mean, c.input.mean);
  EXPECT_EQ(p.provenance, c.training);
}

TEST(CompileByHand, AnAffineOfTheDenseGraphStays) {
  graph::Graph net = networks::start("n", 2, 3, 3);
  int at = net.add("affine", Op::affine, {net.add("conv", Op::conv2d, {0}, networks::conv(4, 3))});
  networks::head(net, at, 2);
  expect_same_function(checkpoints::make(net, {"a", "b"}, 2), 2);
}

std::string fault(const models::Checkpoint& c) {
  try {
    compiler::compile(c);
  } catch (const core::Error& e) {
    EXPECT_EQ(e.code(), core::ExitCode::steps_failed);
    return e.what();
  }
  return "";
}

TEST(CompileByHand, APrivateStemIsStoredForEachCondition) {
  const models::Checkpoint c = checkpoints::make(networks::cifar_resnet(1, 8, 8), {"a", "b"}, 7, 0.5F, true);
  const package::Package p = compiler::compile(c);
  EXPECT_TRUE(p.private_stem);
  EXPECT_EQ(p.weights.count("conv1.weight"), 0U);
  EXPECT_NE(p.conditions[0].weights.at("conv1.weight").data, p.conditions[1].weights.at("conv1.weight").data);
  const package::Package back = package::decode(package::encode(p), "p");
  for (std::size_t k = 0; k < 2; ++k)
    EXPECT_EQ(back.conditions[k].weights.at("conv1.weight").data, p.conditions[k].weights.at("conv1.weight").data);
}

TEST(CompileErrors, NameThePlace) {
  const models::Checkpoint good = checkpoints::make(networks::chain(), {"clean", "jpeg:q10"}, 1);
  const std::string remedy = "; train it again; the checkpoint disagrees with itself";
  models::Checkpoint c = good;
  EXPECT_EQ(fault(c), "");
  c.masks.pop_back();
  EXPECT_EQ(fault(c), "checkpoint: conditions: there are 2 names, 1 masks and 2 normalisations" + remedy);
  c = good;
  c.masks[1][1].assign(5, 0);
  EXPECT_EQ(fault(c), "checkpoint: condition jpeg:q10: mask of group conv1: keeps no channel" + remedy);
  c = good;
  c.normalisation[1].erase("bn3.running_mean");
  EXPECT_EQ(fault(c), "checkpoint: condition jpeg:q10: tensor bn3.running_mean is missing" + remedy);
  c = good;
  c.normalisation[1]["bn3.bias"].data.pop_back();
  EXPECT_EQ(fault(c), "checkpoint: condition jpeg:q10: tensor bn3.bias has 3 values for 4 channels" + remedy);
  c = checkpoints::make(networks::chain(), {"clean", "jpeg:q10"}, 1, 0.5F, true);
  c.normalisation[1].erase("conv1.weight");
  EXPECT_EQ(fault(c),
            "checkpoint: condition jpeg:q10: some conditions have a stem of their own and others none" + remedy);
  c = good;
  c.weights.erase("fc.bias");
  EXPECT_EQ(fault(c), "checkpoint: weights: tensor fc.bias: is missing" + remedy);
  c = good;
  c.normalisation[0]["bn3.running_var"].data.assign(4, -1);
  c.masks[0] = graph::full_mask(graph::channel_groups(c.graph));
  EXPECT_EQ(fault(c), "checkpoint: condition clean: the running variance of node bn3 is not above 0" + remedy);
}

TEST(CompileEstimator, GoesIntoThePackage) {
  models::Checkpoint c = checkpoints::make(networks::cifar_resnet(1, 4, 8, 3), {"clean", "jpeg:q10"}, 3);
  EXPECT_TRUE(compiler::compile(c).estimator.empty());
  const package::Estimator estimator = estimators::make(2, 4, 1);
  c.estimator = package::to_json(estimator);
  EXPECT_EQ(package::decode(package::encode(compiler::compile(c)), "p").estimator, estimator);
  c.estimator = package::to_json(estimators::make(3, 4, 1));
  try {
    compiler::compile(c);
    FAIL() << "an estimator for three conditions of two";
  } catch (const core::Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("checkpoint: estimator/output: must have 2 outputs and 4 inputs"));
  }
}

}  // namespace
}  // namespace automask
