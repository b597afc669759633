#pragma once
// A checkpoint's network made physically smaller, and put back into the dense graph it came from. No LibTorch here.
#include "models/checkpoint.h"

namespace automask::models {

// Without the channels that `kept` (of checkpoint.graph) leaves out; `kept` must keep all that the masks keep. The same
// function under every condition. Masks become masks of the smaller graph.
Checkpoint shrunk_checkpoint(const Checkpoint& checkpoint, const graph::Mask& kept);

// Undoes that for the checkpoint of a shrunk network: weights in the dense graph's shapes (0 where `kept` keeps
// nothing), with `masks` of the dense graph. What else the checkpoint holds stays.
Checkpoint expanded_checkpoint(const Checkpoint& small, const graph::Graph& dense, const graph::Mask& kept,
                               const std::vector<graph::Mask>& masks);

}  // namespace automask::models
