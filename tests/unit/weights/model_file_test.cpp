// From any file to any: what `automask models convert` promises.
#include "models/model_file.h"

#include <gtest/gtest.h>

#include <set>

#include "core/atomic_file.h"
#include "models/checkpoint.h"
#include "models/preprocessing.h"
#include "models/safetensors.h"
#include "tests/unit/core/temporary_folder.h"
#include "tests/unit/core/throws.h"
#include "tests/unit/graph/networks.h"
#include "tests/unit/models/checkpoints.h"

namespace automask::models {
namespace {

using automask::testing::error_of;
using automask::testing::TemporaryFolder;

TEST(ModelFile, NetworkAndPreprocessingSurviveBothKindsOfFile) {
  const TemporaryFolder folder;
  std::mt19937 random(5);
  Checkpoint checkpoint = automask::testing::random_checkpoint(networks::chain(), 1, random);
  checkpoint.resizing = {97, Interpolation::bicubic};
  save_checkpoint(checkpoint, folder / "c.safetensors");
  const OnnxModel first = read_model_file(folder / "c.safetensors", {});
  const core::Json preprocessing = core::Json::parse(first.metadata.at(preprocessing_key));
  EXPECT_EQ(preprocessing.at("resize"), 97);
  EXPECT_EQ(preprocessing.at("interpolation"), "bicubic");
  write_model_file(first, folder / "a.safetensors");
  write_model_file(read_model_file(folder / "a.safetensors", {}), folder / "b.onnx");
  const OnnxModel last = read_model_file(folder / "b.onnx", {});
  EXPECT_EQ(last.metadata, first.metadata);
  EXPECT_EQ(graph::to_json(last.graph).at("nodes"), graph::to_json(first.graph).at("nodes"));
  ASSERT_EQ(last.weights.size(), first.weights.size());
  for (const auto& [name, tensor] : first.weights) EXPECT_EQ(last.weights.at(name).data, tensor.data) << name;
}

TEST(ModelFile, ACheckpointIsShrunkForTheConditionChosen) {
  const TemporaryFolder folder;
  std::mt19937 random(6);
  const Checkpoint checkpoint = automask::testing::random_checkpoint(networks::chain(), 3, random);
  save_checkpoint(checkpoint, folder / "c");
  EXPECT_SAYS(error_of([&] { read_model_file(folder / "c", {}); }), "choose with --condition one of: ");
  ModelFileOptions options;
  options.condition = "nowhere";
  EXPECT_SAYS(error_of([&] { read_model_file(folder / "c", options); }), "holds no condition \"nowhere\"");
  for (std::size_t k = 0; k < 3; ++k) {
    options.condition = checkpoint.conditions[k];
    const OnnxModel model = read_model_file(folder / "c", options);
    EXPECT_EQ(graph::to_json(model.graph), graph::to_json(graph::shrink(checkpoint.graph, checkpoint.masks[k])));
    graph::TensorMap weights = checkpoint.weights;
    for (const auto& [name, tensor] : checkpoint.normalisation[k]) weights[name] = tensor;
    const graph::TensorMap shrunk = graph::shrink_weights(checkpoint.graph, checkpoint.masks[k], weights);
    for (const auto& [name, tensor] : shrunk) EXPECT_EQ(model.weights.at(name).data, tensor.data) << name;
  }
}

// The length of the header comes first: its lowest byte may be that of an ONNX file or of a zip.
TEST(ModelFile, ACheckpointIsKnownWhateverItsLength) {
  const TemporaryFolder folder;
  std::mt19937 random(7);
  Checkpoint checkpoint = automask::testing::random_checkpoint(networks::chain(), 1, random);
  std::set<char> first_bytes;
  for (std::size_t i = 0; i < 256; ++i) {
    checkpoint.training["note"] = std::string(i, '.');
    save_checkpoint(checkpoint, folder / "c");
    first_bytes.insert(core::read_file(folder / "c")[0]);
    EXPECT_TRUE(is_checkpoint(folder / "c")) << i;
    EXPECT_EQ(read_model_file(folder / "c", {}).weights.empty(), false) << i;
  }
  EXPECT_EQ(first_bytes.count('\x08') + first_bytes.count('P'), 2U);
}

TEST(ModelFile, ClassesAreThoseOfTheWeights) {
  const TemporaryFolder folder;
  const ZooEntry& entry = *find_in_zoo("tinynet");
  SafetensorsFile content;
  for (const auto& [name, shape] : graph::parameter_shapes(build_published(entry, {3, 40, 40}, 7))) {
    std::size_t count = 1;
    for (const std::int64_t size : shape) count *= static_cast<std::size_t>(size);
    content.tensors[name] = {shape, std::vector<float>(count, 1)};
  }
  core::write_file_atomically(folder / "w", encode_safetensors(content));
  ModelFileOptions options;
  options.model = "tinynet";
  options.input = graph::Shape{3, 40, 40};
  const OnnxModel model = read_model_file(folder / "w", options);
  EXPECT_EQ(graph::infer_shapes(model.graph).back().channels, 7);
  EXPECT_EQ(model.graph.input.height, 40);
  options.classes = 8;
  EXPECT_SAYS(error_of([&] { read_model_file(folder / "w", options); }),
              "of another shape: fc.weight [7, 16] instead of");
}

TEST(Preprocessing, FollowsTheInput) {
  const ZooEntry& entry = *find_in_zoo("resnet18");
  const Preprocessing small = with_input(entry.preprocessing, {1, 112, 112});
  EXPECT_EQ(small.resizing.resize, 128);  // 256 for 224
  EXPECT_EQ(small.scaling.mean, std::vector<float>{0.485F});
  EXPECT_EQ(with_input(entry.preprocessing, entry.preprocessing.input).resizing.resize, 256);
}

}  // namespace
}  // namespace automask::models
