#pragma once
// What methods need of a network: known before anything is trained. No LibTorch here.
#include "graph/graph.h"
#include "methods/catalogue.h"

namespace automask::methods {

// Error(steps_failed) where the method can do nothing with the model's network: a private stem without a convolution
// that reads the picture, test-time statistics or slimming without batch normalisation, affine_k without statistics to
// start from.
void check_network(const graph::Graph& model, const MethodSpec& spec);

// The parts of it that a training asks, too: a batch_norm behind every group of channels that can be masked, and the
// convolution that a private stem is.
void require_slimmable(const graph::Graph& graph, const graph::ChannelGroups& groups);
void require_stem(const graph::Graph& graph, const MethodSpec& spec);

}  // namespace automask::methods
