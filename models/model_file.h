#pragma once
// Networks and weights from any file, and into any: what `automask models convert` does. No LibTorch here.
#include <filesystem>
#include <optional>
#include <string>

#include "models/onnx.h"
#include "models/zoo.h"

namespace automask::models {

// Keys of the metadata in files written here: the graph's JSON (safetensors; ONNX says it itself) and the
// preprocessing.
constexpr const char* graph_key = "automask.graph";
constexpr const char* preprocessing_key = "automask.preprocessing";

struct ModelFileOptions {
  std::string model;  // of the zoo: the network of weights that come without one, and held against others
  std::optional<graph::Shape> input;  // with `model`; default: the published
  std::optional<int> classes;         // with `model`; default: as many as the weights have
  std::string condition;              // of a checkpoint with several: whose mask and normalisation to take
};

// Whether a file begins like a checkpoint of a training step.
bool is_checkpoint(const std::filesystem::path& path);

// ONNX, a checkpoint (shrunk by its mask), a safetensors file written here, or bare weights: those have a graph only
// with `model`, else the result's has no nodes. Error(usage) or Error(corrupt) with file, fault and remedy.
OnnxModel read_model_file(const std::filesystem::path& path, const ModelFileOptions& options);

// The same as what can be evaluated: a checkpoint with all of its conditions, other files as one network that nothing
// is masked in. Error(usage) where a file does not say how its pictures are prepared and no `model` says it, and where
// a checkpoint holds another network than `model`.
Checkpoint load_network(const std::filesystem::path& path, const ModelFileOptions& options);

// .safetensors or .onnx, by the path's ending; atomic. Error(usage) for other endings, and for ONNX without a graph.
void write_model_file(const OnnxModel& model, const std::filesystem::path& path);

}  // namespace automask::models
