#pragma once
// What the files with an integer network's steps share.
#include "hw_targets/package/integer.h"

namespace automask::cpu {

inline int round_up(int value, int to) { return (value + to - 1) / to * to; }

inline const graph::Node& node_at(const package::IntegerNetwork& network, int node) {
  return network.graph.nodes[static_cast<std::size_t>(node)];
}
// Its values become logits and have up to 16 bits.
inline bool is_wide(const package::IntegerNetwork& network, int node) {
  return package::most_of_node(network.graph, static_cast<std::size_t>(node)) != package::most_value;
}

}  // namespace automask::cpu
