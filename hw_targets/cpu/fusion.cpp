#include "hw_targets/cpu/fusion.h"

#include <algorithm>

namespace automask::cpu {
namespace {

std::vector<std::vector<int>> readers_of(const graph::Graph& graph) {
  std::vector<std::vector<int>> readers(graph.nodes.size());
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    for (const int input : graph.nodes[i].inputs)
      readers[static_cast<std::size_t>(input)].push_back(static_cast<int>(i));
  return readers;
}

}  // namespace

bool is_alias(graph::Op op) { return op == graph::Op::flatten || op == graph::Op::dropout; }

Fusion fuse(const graph::Graph& graph) {
  const auto readers = readers_of(graph);
  const std::size_t count = graph.nodes.size();
  Fusion fusion{std::vector<Fused>(count), std::vector<bool>(count, false), std::vector<int>(count)};
  for (std::size_t i = 0; i < count; ++i) fusion.storage_of[i] = static_cast<int>(i);
  const auto op = [&](int node) { return graph.nodes[static_cast<std::size_t>(node)].op; };
  const auto read_once = [&](int node) { return readers[static_cast<std::size_t>(node)].size() == 1; };
  const auto absorb = [&](std::size_t node, int into) {
    fusion.absorbed[node] = true;
    fusion.storage_of[node] = into;
  };

  for (std::size_t i = 0; i < count; ++i) {
    const graph::Node& node = graph.nodes[i];
    if (node.op == graph::Op::relu || node.op == graph::Op::relu6) {
      const int input = node.inputs[0];
      const int layer = fusion.storage_of[static_cast<std::size_t>(input)];
      Fused& into = fusion.fused[static_cast<std::size_t>(layer)];
      if ((op(layer) != graph::Op::conv2d && op(layer) != graph::Op::linear) || !read_once(input) ||
          into.activation >= 0)
        continue;
      into.activation = static_cast<int>(i);
      absorb(i, layer);
    } else if (node.op == graph::Op::add && node.inputs.size() == 2) {
      const int layer = std::max(node.inputs[0], node.inputs[1]), other = std::min(node.inputs[0], node.inputs[1]);
      // An alias shares its input's memory with readers not seen here.
      if (layer == other || op(layer) != graph::Op::conv2d || !read_once(layer) || is_alias(op(other))) continue;
      const auto& others = readers[static_cast<std::size_t>(other)];
      const bool free = std::all_of(others.begin(), others.end(), [&](int reader) {
        return reader == static_cast<int>(i) || (reader < layer && !is_alias(op(reader)));
      });
      if (!free) continue;
      fusion.fused[static_cast<std::size_t>(layer)].sum = other;
      absorb(i, layer);
    }
  }
  return fusion;
}

}  // namespace automask::cpu
