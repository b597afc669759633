#pragma once
// Normalisation folded into the convolution or linear layer before it. No LibTorch here.
#include "graph/graph.h"

namespace automask::models {

// Removes every batch_norm and affine whose input is a conv2d or linear that nothing else reads; the weights take its
// scale, the bias its shift, in FP64. All other nodes keep their names. Weights must fit the graph (GraphError).
void fold_normalisation(graph::Graph& graph, graph::TensorMap& weights);

}  // namespace automask::models
