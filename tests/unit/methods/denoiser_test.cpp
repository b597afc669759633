#include "methods/recipes/denoiser.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/utils.h>

#include "models/network.h"
#include "models/zoo.h"
#include "tests/unit/models/checkpoints.h"

namespace automask::methods {
namespace {

TEST(Denoiser, ItsMacsAndParametersCount) {
  const core::Json model = {{"name", "resnet8"}, {"width", 16}};
  for (const int channels : {1, 3})
    for (const int layers : {2, 3, 5}) {
      const graph::Graph net = models::build_model({model, "test"}, {channels, 28, 28}, 10);
      const DenoiserOptions options{layers, 12, 0};
      const graph::Cost before = graph::cost(net), after = graph::cost(with_denoiser(net, options));
      const std::int64_t weights = 9 * (2 * 12 * channels + (layers - 2) * 12 * 12);
      EXPECT_EQ(after.macs - before.macs, weights * 28 * 28);
      // A scale and an offset per channel of a normalisation, a bias per channel of the last layer.
      EXPECT_EQ(after.parameters - before.parameters, weights + (layers - 1) * 2 * 12 + channels);
    }
}

TEST(Denoiser, NeitherPicturesNorResidualsAreMasked) {
  const core::Json model = {{"name", "tinynet"}};
  const graph::Graph net = with_denoiser(models::build_model({model, "test"}, {3, 32, 32}, 10), {});
  const graph::ChannelGroups groups = graph::channel_groups(net);
  for (const graph::Segment& segment : groups.of_node[net.find(denoised_node)])
    EXPECT_FALSE(groups.groups[segment.group].maskable);
  EXPECT_TRUE(groups.groups[groups.of_node[net.find("denoiser.conv1")][0].group].maskable);
}

// Without its convolutions the network is the classifier; with them it is the classifier on what they clean.
TEST(Denoiser, IsTheClassifierOnTheCleanedPicture) {
  const torch::NoGradGuard no_grad;
  const core::Json model = {{"name", "tinynet"}};
  const graph::Graph classifier = models::build_model({model, "test"}, {1, 28, 28}, 10);
  std::mt19937 random(6);
  models::Checkpoint plain = testing::random_checkpoint(classifier, 1, random, 2);
  models::Checkpoint whole = testing::random_checkpoint(with_denoiser(classifier, {}), 1, random, 2);
  for (const auto& [name, tensor] : plain.weights) whole.weights.at(name) = tensor;
  for (const auto& [name, tensor] : plain.normalisation[0]) whole.normalisation[0].at(name) = tensor;
  const std::vector<float> pixels = networks::random_picture(classifier, random);
  const torch::Tensor x = at::tensor(pixels).view({1, 1, 28, 28});

  models::Network alone(plain), both(whole);
  alone.eval();
  both.eval();
  torch::Tensor cleaned;
  const int node = both.graph().find(denoised_node);
  both.observe([&](int i, const torch::Tensor& value) {
    if (i == node) cleaned = value.clone();
    return value;
  });
  const torch::Tensor answer = both.forward(x);
  EXPECT_GT((cleaned - x).abs().max().item<double>(), 1e-3);
  EXPECT_TRUE(at::allclose(alone.forward(cleaned), answer, 1e-5, 1e-5));

  const std::string last = "denoiser.conv3";
  for (const char* suffix : {".weight", ".bias"})
    std::fill(whole.weights.at(last + suffix).data.begin(), whole.weights.at(last + suffix).data.end(), 0.0F);
  models::Network silent(whole);
  silent.eval();
  EXPECT_TRUE(at::equal(silent.forward(x), alone.forward(x)));
}

}  // namespace
}  // namespace automask::methods
