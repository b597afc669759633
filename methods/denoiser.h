#pragma once
// A denoiser in front of a classifier, as part of its graph: so its MACs and bytes count like all others. No LibTorch.
#include "graph/graph.h"

namespace automask::methods {

// Residual and convolutional as DnCNN (Zhang et al., "Beyond a Gaussian Denoiser", IEEE TIP 2017, section III), far
// smaller: it must not cost more than the classifier saves.
struct DenoiserOptions {
  int layers = 3;            // 3x3 convolutions, at least 2
  int width = 8;             // channels between them
  double pretraining = 0.2;  // share of the steps in which only the denoiser is trained, on pairs of pictures
};

// The name of the node whose value is the cleaned picture.
constexpr const char* denoised_node = "denoiser.add";
// Beginning of the names of its nodes, and so of its parameters.
constexpr const char* denoiser_prefix = "denoiser.";

// input + convolutions(input) -> the classifier, whose nodes keep their names.
graph::Graph with_denoiser(const graph::Graph& classifier, const DenoiserOptions& options);

}  // namespace automask::methods
