#include "graph/graph.h"

#include <utility>

#include "graph/structure.h"

namespace automask {
namespace graph {

const char* to_string(Op op) {
  switch (op) {
    case Op::input:
      return "input";
    case Op::conv2d:
      return "conv2d";
    case Op::linear:
      return "linear";
    case Op::batch_norm:
      return "batch_norm";
    case Op::affine:
      return "affine";
    case Op::relu:
      return "relu";
    case Op::relu6:
      return "relu6";
    case Op::max_pool:
      return "max_pool";
    case Op::avg_pool:
      return "avg_pool";
    case Op::global_avg_pool:
      return "global_avg_pool";
    case Op::add:
      return "add";
    case Op::concat:
      return "concat";
    case Op::flatten:
      return "flatten";
    case Op::dropout:
      return "dropout";
    case Op::softmax:
      return "softmax";
  }
  return "unknown";
}

int Graph::add(std::string node_name, Op op, std::vector<int> inputs, Attributes attributes) {
  Node node;
  node.name = std::move(node_name);
  node.op = op;
  node.inputs = std::move(inputs);
  node.attributes = attributes;
  if (find(node.name) >= 0) fail_node(node, "the name is taken");
  for (const int index : node.inputs)
    if (index < 0 || index >= static_cast<int>(nodes.size()))
      fail_node(node, "input " + std::to_string(index) + " is no earlier node");
  nodes.push_back(std::move(node));
  return static_cast<int>(nodes.size()) - 1;
}

int Graph::find(const std::string& node_name) const {
  for (std::size_t i = 0; i < nodes.size(); ++i)
    if (nodes[i].name == node_name) return static_cast<int>(i);
  return -1;
}

}  // namespace graph
}  // namespace automask
