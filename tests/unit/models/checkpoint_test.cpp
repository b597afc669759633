#include "models/checkpoint.h"

#include <gtest/gtest.h>

#include "core/atomic_file.h"
#include "models/safetensors.h"
#include "tests/unit/core/temporary_folder.h"
#include "tests/unit/core/throws.h"
#include "tests/unit/models/checkpoints.h"

namespace automask::models {
namespace {

using automask::testing::error_of;
using automask::testing::TemporaryFolder;

void expect_same(const graph::TensorMap& a, const graph::TensorMap& b) {
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [name, tensor] : a) {
    EXPECT_EQ(b.at(name).shape, tensor.shape) << name;
    EXPECT_EQ(b.at(name).data, tensor.data) << name;
  }
}

TEST(Checkpoint, RoundTrip) {
  const TemporaryFolder folder;
  std::mt19937 random(1);
  for (const int conditions : {1, 3}) {
    Checkpoint saved =
        testing::random_checkpoint(networks::cifar_resnet(1, 4, 8, 3), conditions, random, 0.6F, conditions == 3);
    if (conditions == 3) {
      saved.resizing = {280, Interpolation::bicubic};
      saved.estimator = {{"statistics", 1}, {"input", {{1, 2, 3}}}};
    }
    save_checkpoint(saved, folder / "c.safetensors");
    const Checkpoint read = load_checkpoint(folder / "c.safetensors");
    EXPECT_EQ(graph::to_json(read.graph), graph::to_json(saved.graph));
    expect_same(read.weights, saved.weights);
    EXPECT_EQ(read.conditions, saved.conditions);
    EXPECT_EQ(read.masks, saved.masks);
    ASSERT_EQ(read.normalisation.size(), saved.normalisation.size());
    for (int k = 0; k < conditions; ++k) expect_same(read.normalisation[k], saved.normalisation[k]);
    EXPECT_EQ(read.input.mean, saved.input.mean);
    EXPECT_EQ(read.input.deviation, saved.input.deviation);
    EXPECT_EQ(read.resizing.resize, saved.resizing.resize);
    EXPECT_EQ(read.resizing.interpolation, saved.resizing.interpolation);
    EXPECT_EQ(read.classes, saved.classes);
    EXPECT_EQ(read.estimator, saved.estimator);
    EXPECT_EQ(read.training, saved.training);
  }
}

TEST(Checkpoint, TheSameContentGivesTheSameBytes) {
  const TemporaryFolder folder;
  std::mt19937 random(2);
  const Checkpoint checkpoint = testing::random_checkpoint(networks::depthwise(), 2, random);
  save_checkpoint(checkpoint, folder / "a");
  save_checkpoint(load_checkpoint(folder / "a"), folder / "b");
  EXPECT_EQ(core::read_file(folder / "a"), core::read_file(folder / "b"));
}

// Saves a checkpoint, lets `damage` change tensors or structure, and returns what loading says.
template <class Damage>
core::Error after(Damage&& damage) {
  const TemporaryFolder folder;
  std::mt19937 random(3);
  save_checkpoint(testing::random_checkpoint(networks::cifar_resnet(1, 4, 8, 3), 2, random), folder / "c.safetensors");
  SafetensorsFile file = decode_safetensors(core::read_file(folder / "c.safetensors"), "c");
  core::Json structure = core::Json::parse(file.metadata["automask.checkpoint"]);
  damage(file, structure);
  if (!structure.is_null()) file.metadata["automask.checkpoint"] = structure.dump();
  core::write_file_atomically(folder / "c.safetensors", encode_safetensors(file));
  const core::Error error = error_of([&] { load_checkpoint(folder / "c.safetensors"); });
  EXPECT_EQ(error.code(), core::ExitCode::corrupt);
  EXPECT_SAYS(error, "c.safetensors");
  return error;
}

TEST(Checkpoint, NamesTheDamage) {
  using core::Json;
  EXPECT_SAYS(after([](SafetensorsFile& f, Json& s) { f.metadata.clear(), s = nullptr; }), "no checkpoint");
  EXPECT_SAYS(after([](SafetensorsFile& f, Json&) { f.tensors.erase("fc.bias"); }), "tensor fc.bias: is missing");
  EXPECT_SAYS(after([](SafetensorsFile& f, Json&) { f.tensors.erase("conditions.1.bn1.bias"); }),
              "conditions.1.bn1.bias: is missing");
  EXPECT_SAYS(after([](SafetensorsFile& f, Json&) {
                f.tensors["conv1.weight"].shape = {3, 4, 3, 3};
              }),
              "conv1.weight: has another shape");
  EXPECT_SAYS(after([](SafetensorsFile& f, Json&) { f.tensors["extra"] = {{1}, {1}}; }), "tensor extra");
  EXPECT_SAYS(after([](SafetensorsFile&, Json& s) { s["format_version"] = 2; }), "/format_version");
  EXPECT_SAYS(after([](SafetensorsFile&, Json& s) { s.erase("masks"); }), "\"masks\" is missing");
  EXPECT_SAYS(after([](SafetensorsFile&, Json& s) { s["masks"].erase(0); }), "/masks");
  EXPECT_SAYS(after([](SafetensorsFile&, Json& s) { s["masks"][1][2] = "00000000"; }), "/masks/1/2");
  EXPECT_SAYS(after([](SafetensorsFile&, Json& s) { s["masks"][1][1] = "0x11"; }), "/masks/1/1");
  EXPECT_SAYS(after([](SafetensorsFile&, Json& s) { s["masks"][0][0] = "011"; }), "fixed group");
  EXPECT_SAYS(after([](SafetensorsFile&, Json& s) { s["graph"]["nodes"][1]["op"] = "blur"; }), "graph");
  EXPECT_SAYS(after([](SafetensorsFile&, Json& s) { s["input"]["mean"] = {0.5}; }), "/input");
  EXPECT_SAYS(after([](SafetensorsFile&, Json& s) { s["input"]["deviation"][0] = 0; }), "/input/deviation");
  EXPECT_SAYS(after([](SafetensorsFile&, Json& s) { s["conditions"] = Json::array(); }), "/conditions");
  EXPECT_SAYS(after([](SafetensorsFile&, Json& s) { s["surprise"] = 1; }), "surprise");
}

TEST(Checkpoint, MissingFile) {
  EXPECT_SAYS(error_of([] { load_checkpoint("/nonexistent/c.safetensors"); }), "/nonexistent/c.safetensors");
}

}  // namespace
}  // namespace automask::models
