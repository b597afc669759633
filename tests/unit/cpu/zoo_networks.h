#pragma once
// The zoo's networks, small enough for the slow integer reference.
#include "models/fold.h"
#include "models/zoo.h"
#include "tests/unit/cpu/networks.h"

namespace automask::cpu {

// Every n-th member of each maskable group, from the first.
inline graph::Mask thinned(const graph::Graph& graph, std::size_t n) {
  const graph::ChannelGroups groups = graph::channel_groups(graph);
  graph::Mask mask = graph::full_mask(groups);
  for (std::size_t g = 0; g < mask.size(); ++g)
    for (std::size_t c = 0; groups.groups[g].maskable && c < mask[g].size(); ++c) mask[g][c] = c % n == 0;
  return mask;
}

// Normalisations folded in, and some of the channels, as masks make them, whose numbers are no multiples of anything.
inline graph::Graph small_zoo_network(const models::ZooEntry& entry) {
  // AlexNet's and VGG's poolings fit 224 x 224 only: these are left fewer channels.
  const bool whole = entry.name.starts_with("alexnet") || entry.name.starts_with("vgg");
  const int side = whole ? 224 : entry.preprocessing.input.height > 64 ? 64 : 16;
  graph::Graph graph = models::build_published(entry, {entry.preprocessing.input.channels, side, side}, 7);
  graph = graph::shrink(graph, thinned(graph, whole ? 21 : 6));
  graph::TensorMap weights = random_weights(graph, 1);
  models::fold_normalisation(graph, weights);
  return graph;
}

}  // namespace automask::cpu
