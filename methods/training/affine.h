#pragma once
// Scale and bias per channel for networks without batch normalisation, so that conditions can have their own: in the
// package they fold into the layer before them. No LibTorch here.
#include "graph/graph.h"

namespace automask::methods {

bool has_normalisation(const graph::Graph& graph);  // a batch_norm or affine node

// With an affine node "<node>.affine" behind every convolution and linear layer but the last node. Weights keep their
// names.
graph::Graph with_affine(const graph::Graph& graph);

}  // namespace automask::methods
