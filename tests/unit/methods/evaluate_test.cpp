#include "methods/evaluate.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "core/exceptions.h"
#include "corruptions/variant.h"
#include "models/zoo.h"
#include "tests/unit/graph/networks.h"
#include "tests/unit/methods/fashion.h"

namespace automask::methods {
namespace {

TEST(Evaluate, TakesAsManyPicturesAtOnceAsTheLargestActivationAllows) {
  for (const char* name : {"tinynet", "resnet8", "resnet14", "resnet20"}) {
    const core::Json model = {{"name", name}};
    EXPECT_EQ(pictures_at_once(models::build_model({model, "test"}, {3, 32, 32}, 10)), 500U) << name;
  }
  // 64 channels of 224 x 224 values of 4 bytes: 20.9 pictures in 256 MiB.
  const models::ZooEntry& vgg = *models::find_in_zoo("vgg16");
  EXPECT_EQ(pictures_at_once(models::build_published(vgg, vgg.preprocessing.input, 10)), 20U);
  // One that takes more by itself.
  graph::Graph large = networks::start("large", 1, 4096, 4096);
  networks::head(large, large.add("conv", graph::Op::conv2d, {0}, networks::conv(8, 1)), 2);
  EXPECT_EQ(pictures_at_once(large), 1U);
}

// Validation pictures that memory does not hold.
TEST(Evaluate, PicturesThatAreMadeWhenTheyAreReadGiveTheSameAnswers) {
  const auto& clean = automask::testing::fashion<600>(datasets::Split::train);  // more than go through at once
  const core::Json model = {{"name", "tinynet"}};
  const graph::Graph graph = models::build_model({model, "test"}, {1, 28, 28}, 10);
  models::Network network(graph, 1, 7);
  const auto condition = corruptions::Condition::parse("gaussian_noise:3");
  corruptions::VariantOptions options;
  options.split = "validation";
  options.seed = 4;
  const auto held = validation_pictures(clean, condition, 4, 1);
  EXPECT_FALSE(held.reader) << "so few";
  const auto made = corruptions::variant_on_demand(clean, condition, options);
  const models::InputScaling scaling{{0.5F}, {0.25F}};
  const auto answers = right_answers(network, held, scaling, 0);
  EXPECT_EQ(right_answers(network, made, scaling, 0), answers);
  EXPECT_GT(std::count(answers.begin(), answers.end(), true), 0);
  EXPECT_GT(std::count(answers.begin(), answers.end(), false), 0);
}

TEST(OutOfMemory, OfLibTorchIsToldAndHasOneLine) {
  try {
    at::empty({std::int64_t{1} << 50});
    FAIL() << "4 PiB were given";
  } catch (const std::exception& error) {
    EXPECT_TRUE(core::out_of_memory(error)) << error.what();
    EXPECT_NE(std::string(error.what()).find('\n'), std::string::npos) << "else the test shows nothing";
    EXPECT_EQ(core::first_line(error).find('\n'), std::string::npos);
  }
}

}  // namespace
}  // namespace automask::methods
