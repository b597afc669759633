#include "models/shrunk.h"

#include "graph/union.h"

namespace automask::models {

Checkpoint shrunk_checkpoint(const Checkpoint& checkpoint, const graph::Mask& kept) {
  Checkpoint small = checkpoint;
  small.graph = graph::shrink(checkpoint.graph, kept);
  small.weights = graph::shrink_weights(checkpoint.graph, kept, checkpoint.weights);
  small.masks = graph::masks_within(checkpoint.graph, kept, checkpoint.masks);
  for (graph::TensorMap& norms : small.normalisation) {
    graph::TensorMap all = checkpoint.weights;  // shrinking wants every tensor
    for (const auto& [name, tensor] : norms) all[name] = tensor;
    all = graph::shrink_weights(checkpoint.graph, kept, all);
    for (auto& [name, tensor] : norms) tensor = std::move(all.at(name));
  }
  return small;
}

Checkpoint expanded_checkpoint(const Checkpoint& small, const graph::Graph& dense, const graph::Mask& kept,
                               const std::vector<graph::Mask>& masks) {
  Checkpoint whole = small;
  whole.graph = dense;
  whole.masks = masks;
  whole.weights = graph::expand_weights(dense, kept, small.weights);
  for (graph::TensorMap& norms : whole.normalisation) norms = graph::expand_weights(dense, kept, norms);
  return whole;
}

}  // namespace automask::models
