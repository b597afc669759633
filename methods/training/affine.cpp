#include "methods/training/affine.h"

#include <algorithm>

namespace automask::methods {

using graph::Op;

bool has_normalisation(const graph::Graph& graph) {
  return std::any_of(graph.nodes.begin(), graph.nodes.end(),
                     [](const graph::Node& node) { return node.op == Op::batch_norm || node.op == Op::affine; });
}

graph::Graph with_affine(const graph::Graph& graph) {
  graph::Graph result;
  result.name = graph.name;
  result.input = graph.input;
  std::vector<int> place;  // of each old node's output among the new nodes
  // A softmax or flatten may stand behind the layer that gives the logits.
  std::size_t output = graph.nodes.size();
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    if (graph.nodes[i].op == Op::conv2d || graph.nodes[i].op == Op::linear) output = i;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    graph::Node node = graph.nodes[i];
    for (int& input : node.inputs) input = place[static_cast<std::size_t>(input)];
    const bool layer = node.op == Op::conv2d || node.op == Op::linear;
    const std::string name = node.name;
    result.nodes.push_back(std::move(node));
    int at = static_cast<int>(result.nodes.size()) - 1;
    if (layer && i != output) at = result.add(name + ".affine", Op::affine, {at});
    place.push_back(at);
  }
  return result;
}

}  // namespace automask::methods
