#pragma once
// Networks trained elsewhere: from files to what the training of a method would have left.
#include <filesystem>
#include <string>
#include <vector>

#include "core/json.h"
#include "graph/graph.h"
#include "models/checkpoint.h"

namespace automask::harness::steps {

// A checkpoint, an ONNX model, a network written by `automask models convert`, or weights alone, which are then those
// of `graph`, the network of the zoo that `model` ({"name": ...}) is. Where a file does not say how its pictures are
// scaled, it is as the zoo's entry says. Error(steps_failed) where input, classes or their order are not the data's.
models::Checkpoint external_network(const std::filesystem::path& file, const graph::Graph& graph,
                                    const core::Json& model, const std::vector<std::string>& classes);

}  // namespace automask::harness::steps
