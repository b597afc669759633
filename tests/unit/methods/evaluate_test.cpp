#include "methods/evaluate.h"

#include <gtest/gtest.h>

#include "models/zoo.h"
#include "tests/unit/graph/networks.h"

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

}  // namespace
}  // namespace automask::methods
