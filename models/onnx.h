#pragma once
// ONNX (github.com/onnx/onnx), by its own schema: networks out, for any program that runs them, and networks in. No
// LibTorch here.
#include <map>
#include <string>
#include <string_view>

#include "graph/graph.h"

namespace automask::models {

struct OnnxModel {
  graph::Graph graph;
  graph::TensorMap weights;                     // all of parameter_shapes(graph) and no other
  std::map<std::string, std::string> metadata;  // free text beside the network, e.g. its preprocessing
};

// The file's bytes: operator set 13, input [N, C, H, W] and logits [N, classes] in FP32 with N free, weights under
// their names of the state dict. An affine becomes a BatchNormalization with mean 0 and variance 1. Error(usage) where
// the graph cannot be said in ONNX, names node and reason; or where it has more than 2 GiB of weights, protobuf's
// limit.
std::string encode_onnx(const OnnxModel& model);

// Reads operator sets 7 to 21. Nodes take the names of their weights where these end in ".weight", else their own.
// Batch size is free whatever the file says. Error(corrupt) names file, node and fault; an operator that no graph has
// is refused with the list of those that are read, weights in other files by the names of those files.
OnnxModel decode_onnx(std::string_view bytes, const std::string& file);

}  // namespace automask::models
