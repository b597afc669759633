#include "graph/union.h"

#include <algorithm>

#include "graph/structure.h"

namespace automask {
namespace graph {
namespace {

std::vector<std::size_t> kept_entries(const std::vector<std::uint8_t>& channels) {
  std::vector<std::size_t> entries;
  for (std::size_t i = 0; i < channels.size(); ++i)
    if (channels[i] != 0) entries.push_back(i);
  return entries;
}

Mask within(const ChannelGroups& groups, const Mask& kept, const ChannelGroups& small_groups, const Mask& mask) {
  Mask result = full_mask(small_groups);
  for (std::size_t i = 0; i < small_groups.of_node.size(); ++i) {
    const std::vector<std::uint8_t> stored = channel_mask(groups, static_cast<int>(i), kept);
    const std::vector<std::uint8_t> wanted = channel_mask(groups, static_cast<int>(i), mask);
    std::size_t channel = 0;  // of the whole node
    for (const Segment& segment : small_groups.of_node[i])
      for (int c = 0; c < segment.members * segment.repeat; ++c, ++channel) {
        while (stored[channel] == 0) ++channel;
        result[static_cast<std::size_t>(segment.group)][static_cast<std::size_t>(segment.first + c / segment.repeat)] =
            wanted[channel];
      }
  }
  return result;
}

}  // namespace

Mask united(const std::vector<Mask>& masks) {
  if (masks.empty()) throw GraphError("mask: there is none to unite");
  Mask all = masks[0];
  for (const Mask& mask : masks) {
    if (mask.size() != all.size()) throw GraphError("mask: masks of several graphs cannot be united");
    for (std::size_t g = 0; g < all.size(); ++g) {
      if (mask[g].size() != all[g].size()) throw GraphError("mask: masks of several graphs cannot be united");
      for (std::size_t c = 0; c < all[g].size(); ++c) all[g][c] = all[g][c] != 0 || mask[g][c] != 0 ? 1 : 0;
    }
  }
  return all;
}

Mask rounded_up(const Mask& mask, const ChannelGroups& groups, int multiple) {
  Mask result = mask;
  for (std::size_t g = 0; g < result.size(); ++g) {
    if (!groups.groups[g].maskable) continue;
    auto kept = std::count(result[g].begin(), result[g].end(), 1);
    for (auto& member : result[g]) {
      if (kept % multiple == 0) break;
      if (member != 0) continue;
      member = 1;
      ++kept;
    }
  }
  return result;
}

std::vector<Mask> masks_within(const Graph& graph, const Mask& kept, const std::vector<Mask>& masks) {
  const ChannelGroups groups = channel_groups(graph), small_groups = channel_groups(shrink(graph, kept));
  std::vector<Mask> result;
  for (const Mask& mask : masks) result.push_back(within(groups, kept, small_groups, mask));
  return result;
}

TensorMap expand_weights(const Graph& graph, const Mask& kept, const TensorMap& weights) {
  const ChannelGroups groups = channel_groups(graph);
  TensorMap result;
  for (const auto& parameter : parameter_shapes(graph)) {
    const auto found = weights.find(parameter.first);
    if (found == weights.end()) continue;
    const std::string::size_type dot = parameter.first.rfind('.');
    const int index = graph.find(parameter.first.substr(0, dot));
    const Node& node = graph.nodes[static_cast<std::size_t>(index)];
    Tensor whole;
    whole.shape = parameter.second;
    std::size_t count = 1;
    for (const std::int64_t side : whole.shape) count *= static_cast<std::size_t>(side);
    whole.data.assign(count, parameter.first.compare(dot, std::string::npos, ".running_var") == 0 ? 1.0F : 0.0F);
    const std::vector<std::size_t> rows = kept_entries(channel_mask(groups, index, kept));
    const std::size_t columns_in_whole = whole.shape.size() > 1 ? static_cast<std::size_t>(whole.shape[1]) : 1;
    std::vector<std::size_t> columns;
    if (whole.shape.size() > 1 && !is_grouped(node)) {
      columns = kept_entries(channel_mask(groups, node.inputs[0], kept));
    } else {
      for (std::size_t c = 0; c < columns_in_whole; ++c) columns.push_back(c);
    }
    const std::size_t cell = count / (static_cast<std::size_t>(whole.shape[0]) * columns_in_whole);
    const std::vector<float>& from = found->second.data;
    if (from.size() != rows.size() * columns.size() * cell)
      throw GraphError("tensor " + parameter.first + ": has another shape than the shrunk graph gives it");
    std::size_t at = 0;
    for (const std::size_t row : rows)
      for (const std::size_t column : columns)
        for (std::size_t i = 0; i < cell; ++i) whole.data[(row * columns_in_whole + column) * cell + i] = from[at++];
    result[parameter.first] = std::move(whole);
  }
  return result;
}

}  // namespace graph
}  // namespace automask
