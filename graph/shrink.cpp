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

std::int64_t count_kept(const std::vector<std::uint8_t>& channels) {
  return static_cast<std::int64_t>(channels.size()) - std::count(channels.begin(), channels.end(), 0);
}

// One axis of a tensor: which of its entries stay.
std::vector<std::int64_t> kept_entries(const std::vector<std::uint8_t>& channels) {
  std::vector<std::int64_t> entries;
  for (std::size_t i = 0; i < channels.size(); ++i)
    if (channels[i] != 0) entries.push_back(static_cast<std::int64_t>(i));
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
  Graph result = graph;
  for (std::size_t i = 1; i < graph.nodes.size(); ++i) {
    Node& node = result.nodes[i];
    if (!has_weights(node.op)) continue;
    const std::int64_t kept = count_kept(channel_mask(groups, static_cast<int>(i), mask));
    // A convolution's groups are kept or dropped whole.
    if (is_grouped(node))
      node.attributes.groups = static_cast<int>(kept / (node.attributes.out_channels / node.attributes.groups));
    node.attributes.out_channels = static_cast<int>(kept);
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
    if (!has_weights(node.op) && !is_normalisation(node.op)) continue;
    const std::vector<std::int64_t> rows = kept_entries(channel_mask(groups, static_cast<int>(i), mask));
    for (const char* suffix : {".weight", ".bias", ".running_mean", ".running_var"}) {
      const auto found = weights.find(node.name + suffix);
      if (found == weights.end()) continue;
      Tensor tensor = select_rows(found->second, rows);
      if (tensor.shape.size() > 1 && !is_grouped(node))
        tensor = select_columns(tensor, kept_entries(channel_mask(groups, node.inputs[0], mask)));
      result[found->first] = std::move(tensor);
    }
  }
  return result;
}

}  // namespace graph
}  // namespace automask
