#include <algorithm>

#include "graph/cost.h"
#include "graph/graph.h"
#include "graph/structure.h"

namespace automask {
namespace graph {
namespace {

void check_mask(const ChannelGroups& groups, const Mask& mask) {
  if (mask.size() != groups.groups.size())
    throw GraphError("mask: covers " + std::to_string(mask.size()) + " channel groups, the graph has " +
                     std::to_string(groups.groups.size()));
  const std::vector<int> kept = kept_counts(mask);
  for (std::size_t g = 0; g < mask.size(); ++g) {
    const ChannelGroup& group = groups.groups[g];
    if (static_cast<int>(mask[g].size()) != group.channels)
      throw GraphError("mask of group " + group.name + ": covers " + std::to_string(mask[g].size()) +
                       " channels, the group has " + std::to_string(group.channels));
    if (kept[g] == 0) throw GraphError("mask of group " + group.name + ": keeps no channel");
    if (!group.maskable && kept[g] != group.channels)
      throw GraphError("mask of group " + group.name + ": this group cannot be masked");
  }
}

// One axis of a tensor: which of its entries stay.
std::vector<std::int64_t> kept_entries(const std::vector<std::uint8_t>& mask, std::int64_t size) {
  const std::int64_t repeat = size / static_cast<std::int64_t>(mask.size());  // > 1 after a flatten
  std::vector<std::int64_t> entries;
  for (std::int64_t i = 0; i < size; ++i)
    if (mask[i / repeat] != 0) entries.push_back(i);
  return entries;
}

Tensor select_rows(const Tensor& tensor, const std::vector<std::int64_t>& rows) {
  const std::int64_t row_size = static_cast<std::int64_t>(tensor.data.size()) / tensor.shape[0];
  Tensor out;
  out.shape = tensor.shape;
  out.shape[0] = static_cast<std::int64_t>(rows.size());
  out.data.reserve(rows.size() * row_size);
  for (const std::int64_t row : rows)
    out.data.insert(out.data.end(), tensor.data.begin() + row * row_size, tensor.data.begin() + (row + 1) * row_size);
  return out;
}

Tensor select_columns(const Tensor& tensor, const std::vector<std::int64_t>& columns) {
  const std::int64_t rows = tensor.shape[0], width = tensor.shape[1];
  const std::int64_t cell = static_cast<std::int64_t>(tensor.data.size()) / (rows * width);
  Tensor out;
  out.shape = tensor.shape;
  out.shape[1] = static_cast<std::int64_t>(columns.size());
  out.data.reserve(rows * columns.size() * cell);
  for (std::int64_t row = 0; row < rows; ++row)
    for (const std::int64_t column : columns) {
      const auto start = tensor.data.begin() + (row * width + column) * cell;
      out.data.insert(out.data.end(), start, start + cell);
    }
  return out;
}

}  // namespace

Graph shrink(const Graph& graph, const Mask& mask) {
  const ChannelGroups groups = channel_groups(graph);
  check_mask(groups, mask);
  const std::vector<Shape> shapes = infer_shapes(graph);
  const std::vector<int> kept = kept_counts(mask);
  Graph result = graph;
  for (std::size_t i = 1; i < graph.nodes.size(); ++i) {
    Node& node = result.nodes[i];
    if (node.op != Op::conv2d && node.op != Op::linear) continue;
    if (is_depthwise(graph.nodes[i], shapes[node.inputs[0]].channels)) node.attributes.groups = kept[groups.of_node[i]];
    node.attributes.out_channels = kept[groups.of_node[i]];
  }
  return result;
}

TensorMap shrink_weights(const Graph& graph, const Mask& mask, const TensorMap& weights) {
  const ChannelGroups groups = channel_groups(graph);
  check_mask(groups, mask);
  check_weights(graph, weights);
  TensorMap result;
  for (std::size_t i = 1; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    const std::vector<std::uint8_t>& out_mask = mask[groups.of_node[i]];
    for (const char* suffix : {".weight", ".bias", ".running_mean", ".running_var"}) {
      const auto found = weights.find(node.name + suffix);
      if (found == weights.end()) continue;
      Tensor tensor = select_rows(found->second, kept_entries(out_mask, found->second.shape[0]));
      const bool dense = node.op == Op::linear || (node.op == Op::conv2d && node.attributes.groups == 1);
      if (dense && tensor.shape.size() > 1)
        tensor = select_columns(tensor, kept_entries(mask[groups.of_node[node.inputs[0]]], tensor.shape[1]));
      result[found->first] = std::move(tensor);
    }
  }
  return result;
}

}  // namespace graph
}  // namespace automask
