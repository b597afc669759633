// Weights by content of the file, and their assignment to a graph.
#include "models/weights.h"

#include <gtest/gtest.h>

#include <fstream>

#include "models/safetensors.h"
#include "tests/unit/core/temporary_folder.h"
#include "tests/unit/core/throws.h"
#include "tests/unit/graph/networks.h"

namespace automask::models {
namespace {

using automask::testing::error_of;
using automask::testing::TemporaryFolder;

void write(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

std::string corpus(const std::string& name) { return std::string(AUTOMASK_SOURCE_DIR) + "/tests/fuzz/corpus/" + name; }

TEST(Weights, KindIsFoundByContent) {
  const TemporaryFolder folder;
  std::filesystem::copy_file(corpus("pth/zip.pth"), folder / "a.bin");
  std::filesystem::copy_file(corpus("pth/legacy.pth"), folder / "b.bin");
  std::filesystem::copy_file(corpus("safetensors/mixed.safetensors"), folder / "c.bin");
  EXPECT_EQ(load_weights(folder / "a.bin").size(), 8U);
  EXPECT_EQ(load_weights(folder / "b.bin").size(), 8U);
  EXPECT_EQ(load_weights(folder / "c.bin").size(), 5U);
  EXPECT_EQ(load_weights(folder / "c.bin").at("f16").data, (std::vector<float>{0.5F, -4}));
  EXPECT_EQ(load_weights(folder / "c.bin").at("f64").data, (std::vector<float>{0.1F}));
}

TEST(Weights, WrappersAndCountersAreDropped) {
  const graph::TensorMap wrapped = load_weights(corpus("pth/wrapped.pth"));
  EXPECT_EQ(wrapped.count("w") + wrapped.count("b"), 2U);
  EXPECT_EQ(load_weights(corpus("pth/zip.pth")).count("bn.num_batches_tracked"), 0U);
  // A module may be called so: only what stands before all names is a wrapper.
  const TemporaryFolder folder;
  SafetensorsFile file;
  file.tensors["module.w"] = file.tensors["other"] = {{1}, {1}};
  write(folder / "f", encode_safetensors(file));
  EXPECT_EQ(load_weights(folder / "f").count("module.w"), 1U);
}

TEST(Weights, ForeignFilesAreNamed) {
  const TemporaryFolder folder;
  const auto refusal = [&](const std::string& bytes) {
    write(folder / "f", bytes);
    return error_of([&] { load_weights(folder / "f"); });
  };
  EXPECT_SAYS(refusal(""), "is empty");
  EXPECT_SAYS(refusal("<html>"), "is a web page");
  EXPECT_SAYS(refusal("version https://git-lfs"), "pointer of Git LFS");
  EXPECT_SAYS(refusal("\x80\x02}."), "none of torch.save");
  EXPECT_SAYS(refusal("something else"), "of an unknown kind; give a file of torch.save");
  EXPECT_SAYS(error_of([&] { load_weights(folder / "nowhere"); }), "No such file");
  EXPECT_SAYS(error_of([&] { load_weights(folder.path()); }), "directory");
}

TEST(Weights, ShardsAreJoinedByTheirIndex) {
  const TemporaryFolder folder;
  SafetensorsFile first, second;
  first.tensors["a"] = {{1}, {1}};
  second.tensors["b"] = {{1}, {2}};
  second.tensors["unlisted"] = {{1}, {3}};
  write(folder / "1.safetensors", encode_safetensors(first));
  write(folder / "2.safetensors", encode_safetensors(second));
  const auto index = [&](const std::string& map) {
    write(folder / "index.json", R"({"metadata": {}, "weight_map": )" + map + "}");
    return load_weights(folder / "index.json");
  };
  const graph::TensorMap joined = index(R"({"a": "1.safetensors", "b": "2.safetensors"})");
  EXPECT_EQ(joined.size(), 2U);
  EXPECT_EQ(joined.at("b").data[0], 2);
  EXPECT_SAYS(error_of([&] { index(R"({"a": "2.safetensors"})"); }), "holds no such tensor");
  EXPECT_SAYS(error_of([&] { index(R"({"a": "../1.safetensors"})"); }), "same folder");
  EXPECT_SAYS(error_of([&] { index(R"({"a": "3.safetensors"})"); }), "3.safetensors");
}

graph::TensorMap weights_of(const graph::Graph& graph) {
  graph::TensorMap weights;
  for (const auto& [name, shape] : graph::parameter_shapes(graph)) {
    std::int64_t count = 1;
    for (const std::int64_t size : shape) count *= size;
    weights[name] = {shape, std::vector<float>(static_cast<std::size_t>(count), 1)};
  }
  return weights;
}

TEST(Assign, TakesExactlyWhatTheGraphNeeds) {
  const graph::Graph graph = networks::chain();
  graph::TensorMap weights = weights_of(graph);
  const std::size_t count = weights.size();
  weights["aux1.conv.weight"] = weights["aux2.conv.weight"] = {{1}, {0}};
  const graph::TensorMap assigned = assign(graph, weights, {"aux1.", "aux2."}, "f");
  EXPECT_EQ(assigned.size(), count);
  graph::check_weights(graph, assigned);
}

TEST(Assign, NamesWhatDoesNotFit) {
  const graph::Graph graph = networks::chain();
  const graph::TensorMap whole = weights_of(graph);
  const auto refusal = [&](const graph::TensorMap& weights) {
    return error_of([&] { assign(graph, weights, {"aux"}, "net.pth"); });
  };
  const std::string name = whole.begin()->first;
  graph::TensorMap weights = whole;
  weights.erase(name);
  EXPECT_SAYS(refusal(weights), "net.pth: does not fit " + graph.name + ": missing: " + name + ";");
  weights[name + "s"] = whole.at(name);
  EXPECT_SAYS(refusal(weights), "surplus: " + name + "s; did you mean \"" + name + "\"");
  weights = whole;
  weights[name].shape.push_back(1);
  EXPECT_SAYS(refusal(weights),
              name + " " + shape_text(weights[name].shape) + " instead of " + shape_text(whole.at(name).shape));
  weights = {{"classifier.weight", {{1}, {0}}}};
  EXPECT_SAYS(refusal(weights), std::to_string(whole.size() - 3) + " more");
}

}  // namespace
}  // namespace automask::models
