#pragma once
// Helpers shared by this room's sources: who reads whom, and how nodes sit on channels.
#include <string>
#include <vector>

#include "graph/graph.h"

namespace automask {
namespace graph {

[[noreturn]] inline void fail_node(const Node& node, const std::string& fault) {
  throw GraphError("node " + node.name + ": " + fault);
}

inline bool is_normalisation(Op op) { return op == Op::batch_norm || op == Op::affine; }

inline bool has_weights(Op op) { return op == Op::conv2d || op == Op::linear; }
inline bool is_pool(Op op) { return op == Op::max_pool || op == Op::avg_pool; }

// Channel i of a grouped convolution's output depends on a part of the input only.
inline bool is_grouped(const Node& node) { return node.op == Op::conv2d && node.attributes.groups > 1; }

// readers[i]: the nodes that take node i's output.
inline std::vector<std::vector<int>> readers(const Graph& graph) {
  std::vector<std::vector<int>> result(graph.nodes.size());
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    for (const int input : graph.nodes[i].inputs) result[input].push_back(static_cast<int>(i));
  return result;
}

}  // namespace graph
}  // namespace automask
