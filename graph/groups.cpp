#include <algorithm>
#include <numeric>

#include "graph/graph.h"
#include "graph/structure.h"

namespace automask {
namespace graph {
namespace {

// Union-find over nodes: nodes of one set have the same channels. The set's root is its first node.
class Ties {
 public:
  explicit Ties(std::size_t count) : parent_(count) { std::iota(parent_.begin(), parent_.end(), 0); }

  int root(int i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  void tie(int a, int b) {
    a = root(a);
    b = root(b);
    parent_[std::max(a, b)] = std::min(a, b);
  }

 private:
  std::vector<int> parent_;
};

struct Tying {
  Ties ties;
  std::vector<int> members;  // per node: of its group; fewer than its channels after a flatten
  std::vector<bool> fixed;   // per node: its group cannot be masked
};

void tie_node(const Graph& graph, const std::vector<Shape>& shapes, int i, Tying& tying) {
  const Node& node = graph.nodes[i];
  const int channels = shapes[i].channels;
  tying.members[i] = channels;
  if (node.op == Op::input) {
    tying.fixed[i] = true;
    return;
  }
  const int from = node.inputs[0];
  const bool enlarged = tying.members[from] != shapes[from].channels;
  if (node.op == Op::linear || (node.op == Op::conv2d && node.attributes.groups == 1)) return;
  if (node.op == Op::conv2d) {
    if (is_depthwise(node, shapes[from].channels) && !enlarged) {
      tying.ties.tie(i, from);
    } else {
      tying.fixed[i] = tying.fixed[from] = true;
    }
    return;
  }
  tying.members[i] = tying.members[from];
  tying.ties.tie(i, from);
  if (is_normalisation(node.op) && enlarged) tying.fixed[i] = true;
  for (const int other : node.inputs) {
    if (tying.members[other] == tying.members[from]) {
      tying.ties.tie(i, other);
    } else {  // a flattened picture plus a layer's features: their members do not match
      tying.fixed[i] = tying.fixed[other] = true;
    }
  }
}

}  // namespace

ChannelGroups channel_groups(const Graph& graph) {
  const std::vector<Shape> shapes = infer_shapes(graph);
  const std::vector<std::vector<int>> read_by = readers(graph);
  const int count = static_cast<int>(graph.nodes.size());
  Tying tying{Ties(graph.nodes.size()), std::vector<int>(graph.nodes.size()), std::vector<bool>(graph.nodes.size())};
  for (int i = 0; i < count; ++i) tie_node(graph, shapes, i, tying);
  tying.fixed[count - 1] = true;

  ChannelGroups result;
  result.of_node.assign(graph.nodes.size(), -1);
  for (int i = 0; i < count; ++i) {
    const Node& node = graph.nodes[i];
    const int root = tying.ties.root(i);
    if (root == i) {
      result.of_node[i] = static_cast<int>(result.groups.size());
      ChannelGroup group;
      group.name =
          node.name;  // a root is an input, a convolution or a linear layer: all others are tied to their input
      group.channels = tying.members[i];
      result.groups.push_back(group);
    }
    result.of_node[i] = result.of_node[root];
    ChannelGroup& group = result.groups[result.of_node[i]];
    if (tying.fixed[i]) group.maskable = false;
    const bool produces = node.op == Op::conv2d || node.op == Op::linear;
    if (produces) group.producers.push_back(i);
    // What only normalisations read needs no gate of its own: theirs follows.
    const bool gated_later = !read_by[i].empty() && std::all_of(read_by[i].begin(), read_by[i].end(), [&](int reader) {
      return is_normalisation(graph.nodes[reader].op);
    });
    if ((produces || is_normalisation(node.op)) && !gated_later) group.gates.push_back(i);
  }
  return result;
}

Mask full_mask(const ChannelGroups& groups) {
  Mask mask;
  for (const ChannelGroup& group : groups.groups) mask.emplace_back(group.channels, std::uint8_t{1});
  return mask;
}

}  // namespace graph
}  // namespace automask
