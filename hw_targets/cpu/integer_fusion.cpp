#include "hw_targets/cpu/integer_fusion.h"

#include <algorithm>

namespace automask::cpu {
namespace {

using graph::Op;

bool is_activation(Op op) { return op == Op::relu || op == Op::relu6; }

// Another name of its input's value; a flatten of more than one pixel changes the order and is none.
bool is_name(const graph::Node& node, const std::vector<graph::Shape>& shapes) {
  if (node.op == Op::dropout || node.op == Op::softmax) return true;
  const graph::Shape& in = shapes[static_cast<std::size_t>(node.inputs.empty() ? 0 : node.inputs[0])];
  return node.op == Op::flatten && in.height == 1 && in.width == 1;
}

std::vector<bool> live_nodes(const graph::Graph& graph) {
  std::vector<bool> live(graph.nodes.size(), false);
  live.back() = true;
  for (std::size_t i = live.size(); i-- > 0;)
    if (live[i])
      for (const int input : graph.nodes[i].inputs) live[static_cast<std::size_t>(input)] = true;
  return live;
}

}  // namespace

IntegerFusion fuse(const package::IntegerNetwork& network, const std::vector<graph::Shape>& shapes) {
  const std::vector<graph::Node>& nodes = network.graph.nodes;
  IntegerFusion fusion{live_nodes(network.graph), std::vector<int>(nodes.size()), std::vector<int>(nodes.size()),
                       std::vector<IntegerFused>(nodes.size())};
  std::vector<std::vector<int>> readers(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    fusion.head[i] = fusion.storage_of[i] = static_cast<int>(i);
    if (!fusion.computed[i]) continue;
    for (const int input : nodes[i].inputs) readers[static_cast<std::size_t>(input)].push_back(static_cast<int>(i));
  }
  const auto is_wide = [&](std::size_t node) {
    return package::most_of_node(network.graph, node) != package::most_value;
  };
  std::vector<bool> joined(nodes.size(), false);

  // The later of two summands first: by then the other is there anyway.
  for (std::size_t layer = nodes.size(); layer-- > 0;) {
    if (!fusion.computed[layer] || (nodes[layer].op != Op::conv2d && nodes[layer].op != Op::linear) || is_wide(layer))
      continue;
    IntegerFused& fused = fusion.fused[layer];
    std::size_t end = layer;
    while (readers[end].size() == 1) {
      const auto next = static_cast<std::size_t>(readers[end][0]);
      if (is_activation(nodes[next].op)) {
        std::int8_t& low = fused.other >= 0 ? fused.residual.low : fused.low;
        std::int8_t& high = fused.other >= 0 ? fused.residual.high : fused.high;
        low = std::max<std::int8_t>(low, 0);
        if (nodes[next].op == Op::relu6)
          high = std::min(high, static_cast<std::int8_t>(network.integers.of_node.at(nodes[next].name).at(0).bias));
      } else if (nodes[next].op == Op::add && nodes[next].inputs.size() == 2 && fused.other < 0 && !joined[next] &&
                 !is_wide(next)) {
        const std::vector<package::Requantisation>& factors = network.integers.of_node.at(nodes[next].name);
        const std::size_t own = nodes[next].inputs[0] == static_cast<int>(end) ? 0 : 1;
        fused.other = nodes[next].inputs[1 - own];
        fused.residual.own_multiplier = factors.at(own).multiplier;
        fused.residual.other_multiplier = factors.at(1 - own).multiplier;
        fused.residual.shift = factors.at(0).shift;
      } else {
        break;
      }
      joined[next] = true;
      fusion.computed[end] = false;
      end = next;
    }
    fusion.head[end] = static_cast<int>(layer);
  }
  for (std::size_t i = 1; i < nodes.size(); ++i) {
    if (!fusion.computed[i] || !is_name(nodes[i], shapes)) continue;
    fusion.computed[i] = false;
    fusion.storage_of[i] = fusion.storage_of[static_cast<std::size_t>(nodes[i].inputs[0])];
  }
  return fusion;
}

}  // namespace automask::cpu
