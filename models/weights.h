#pragma once
// Published weights: any file -> tensors by name -> exactly the tensors a graph needs. No LibTorch here.
#include <filesystem>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace automask::models {

// torch.save files (zip and legacy), safetensors, and a safetensors index (*.index.json); told apart by their content.
// "num_batches_tracked" is dropped and a "module." before all names too. Error(usage) where the file cannot be opened,
// Error(corrupt) with file, tensor, fault and remedy where it cannot be understood.
graph::TensorMap load_weights(const std::filesystem::path& path);

// The tensors of parameter_shapes(graph), moved out of `tensors`. Surplus ones are dropped where their name begins with
// one of `ignored` (e.g. an auxiliary head). Error(usage) names the first tensors that are missing, of another shape or
// surplus, with "did you mean"; `file` is what it calls their origin.
graph::TensorMap assign(const graph::Graph& graph, graph::TensorMap tensors, const std::vector<std::string>& ignored,
                        const std::string& file);

// "[64, 3, 7, 7]"
std::string shape_text(const std::vector<std::int64_t>& shape);

}  // namespace automask::models
