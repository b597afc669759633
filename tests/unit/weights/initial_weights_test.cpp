#include "models/initial_weights.h"

#include <gtest/gtest.h>

#include "models/model_file.h"
#include "tests/unit/core/temporary_folder.h"
#include "tests/unit/core/throws.h"
#include "tests/unit/models/checkpoints.h"

namespace automask::models {
namespace {

using automask::testing::error_of;
using automask::testing::TemporaryFolder;

graph::Graph net(int classes) { return networks::cifar_resnet(1, 4, 8, classes); }

TEST(InitialWeights, ComeFromAFileOfTensors) {
  const TemporaryFolder folder;
  std::mt19937 random(1);
  const graph::TensorMap tensors = networks::random_weights(net(3), random);
  const auto path = folder / "w.safetensors";
  write_model_file({{}, tensors, {}}, path);
  const InitialWeights read = read_initial_weights(net(3), path, {});
  EXPECT_TRUE(read.fresh.empty());
  EXPECT_FALSE(read.preprocessing);
  ASSERT_EQ(read.weights.size(), tensors.size());
  for (const auto& [name, tensor] : tensors) EXPECT_EQ(read.weights.at(name).data, tensor.data) << name;

  // Another number of classes: all but the last layer.
  const InitialWeights other = read_initial_weights(net(5), path, {});
  EXPECT_EQ(other.fresh, (std::vector<std::string>{"fc.weight", "fc.bias"}));
  EXPECT_EQ(other.weights.size(), tensors.size() - 2);
  EXPECT_EQ(other.weights.count("fc.bias"), 0U);

  EXPECT_SAYS(error_of([&] { read_initial_weights(networks::cifar_resnet(1, 8, 8, 3), path, {}); }),
              "of another shape");
}

TEST(InitialWeights, OfACheckpointAreThoseOfCleanPictures) {
  const TemporaryFolder folder;
  std::mt19937 random(2);
  Checkpoint checkpoint = testing::random_checkpoint(net(3), 3, random);
  std::swap(checkpoint.conditions[0], checkpoint.conditions[1]);  // clean is second now
  save_checkpoint(checkpoint, folder / "c.safetensors");
  const InitialWeights read = read_initial_weights(net(3), folder / "c.safetensors", {});
  for (const auto& [name, tensor] : checkpoint.normalisation[1]) EXPECT_EQ(read.weights.at(name).data, tensor.data);
  ASSERT_TRUE(read.preprocessing);
  EXPECT_EQ(read.preprocessing->scaling.mean, checkpoint.input.mean);
}

}  // namespace
}  // namespace automask::models
