#pragma once
// A denoiser in front of a classifier, as part of its graph: so its MACs and bytes count like all others. No LibTorch.
#include "graph/graph.h"
#include "methods/catalogue.h"

namespace automask::methods {

// The name of the node whose value is the cleaned picture.
constexpr const char* denoised_node = "denoiser.add";
// Beginning of the names of its nodes, and so of its parameters.
constexpr const char* denoiser_prefix = "denoiser.";

// input + convolutions(input) -> the classifier, whose nodes keep their names.
graph::Graph with_denoiser(const graph::Graph& classifier, const DenoiserOptions& options);

}  // namespace automask::methods
