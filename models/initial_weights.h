#pragma once
// Weights that a training starts from, of any file that holds some. No LibTorch here.
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "models/zoo.h"

namespace automask::models {

struct InitialWeights {
  graph::TensorMap weights;        // of parameter_shapes(graph), without `fresh`
  std::vector<std::string> fresh;  // tensors of the last layer, where the file has another number of classes
  std::optional<Preprocessing> preprocessing;  // where the file says it: a checkpoint's
};

// Published weights (.pth, .safetensors), ONNX, or a checkpoint: dense, with the normalisation that `clean` pictures
// have, else the first. `ignored` as in assign(). Error(usage) names file and tensor that doesn't fit.
InitialWeights read_initial_weights(const graph::Graph& graph, const std::filesystem::path& file,
                                    const std::vector<std::string>& ignored);

}  // namespace automask::models
