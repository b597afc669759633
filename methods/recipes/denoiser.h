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

// The network that a method trains and its budgets are of: of `denoise` with the denoiser, else the classifier alone.
graph::Graph with_denoiser_of(const MethodSpec& spec, const graph::Graph& classifier);
// mac_budget, a share of the classifier's dense MACs, as a share of that network's.
double mac_share(const MethodSpec& spec, const graph::Graph& classifier);

}  // namespace automask::methods
