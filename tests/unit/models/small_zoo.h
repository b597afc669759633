#pragma once
// The zoo's published structures on the smallest pictures they take: for tests that go through all of it.
#include "models/zoo.h"

namespace automask::testing {

// 32 pixels and 10 classes. AlexNet's (127 pixels) and VGG's pooling to a fixed size is left out there as it is at 224
// pixels, so their first linear layer reads fewer features; their hidden layers have fewer too, to save time.
// SqueezeNet takes 48 pixels.
inline graph::Graph small_published(const models::ZooEntry& entry) {
  graph::Graph graph = models::build_published(entry, entry.preprocessing.input, 10);
  const int side = entry.name == "alexnet" ? 127 : entry.name == "squeezenet1_1" ? 48 : 32;
  graph.input.height = graph.input.width = side;
  for (graph::Node& node : graph.nodes)
    if (node.op == graph::Op::linear && node.attributes.out_channels == 4096) node.attributes.out_channels = 256;
  if (entry.name.starts_with("efficientnet")) graph = models::build_published(entry, {3, side, side}, 10);
  return graph;
}

}  // namespace automask::testing
