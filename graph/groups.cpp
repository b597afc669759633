#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "graph/graph.h"
#include "graph/structure.h"

namespace automask {
namespace graph {
namespace {

// Union-find over channels; a set is a member. Its root is its first channel.
class Ties {
 public:
  int fresh() {
    parent_.push_back(static_cast<int>(parent_.size()));
    return parent_.back();
  }
  int root(int i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  void tie(int a, int b) {
    a = root(a);
    b = root(b);
    parent_[std::max(a, b)] = std::min(a, b);
  }
  std::size_t size() const { return parent_.size(); }

 private:
  std::vector<int> parent_;
};

using Channels = std::vector<int>;

Channels fresh_channels(Ties& ties, int count) {
  Channels channels(count);
  for (int& channel : channels) channel = ties.fresh();
  return channels;
}

// Output channels of one node, tied as its operator demands.
Channels node_channels(const Graph& graph, const std::vector<Shape>& shapes, int i,
                       const std::vector<Channels>& of_node, Ties& ties) {
  const Node& node = graph.nodes[i];
  if (node.op == Op::input) return fresh_channels(ties, shapes[i].channels);
  const Channels& in = of_node[node.inputs[0]];
  Channels out;
  if (has_weights(node.op)) {
    out = fresh_channels(ties, shapes[i].channels);
    if (!is_grouped(node)) return out;
    const std::size_t ins = in.size() / node.attributes.groups, outs = out.size() / node.attributes.groups;
    for (std::size_t c = 0; c < in.size(); ++c) ties.tie(in[c], out[c / ins * outs]);
    for (std::size_t c = 0; c < out.size(); ++c) ties.tie(out[c], out[c / outs * outs]);
    return out;
  }
  if (node.op == Op::concat) {
    for (const int input : node.inputs) out.insert(out.end(), of_node[input].begin(), of_node[input].end());
    return out;
  }
  if (node.op == Op::flatten) {
    const int pixels = shapes[node.inputs[0]].height * shapes[node.inputs[0]].width;
    out.reserve(in.size() * pixels);
    for (const int channel : in) out.insert(out.end(), pixels, channel);
    return out;
  }
  for (std::size_t k = 1; k < node.inputs.size(); ++k)  // an add
    for (std::size_t c = 0; c < in.size(); ++c) ties.tie(in[c], of_node[node.inputs[k]][c]);
  return in;
}

// Splits members until those of one class have equally many channels in every node. Returns a class per root.
std::vector<int> classes_of(const std::vector<Channels>& of_node, std::size_t count) {
  std::vector<int> of_root(count, 0), channels(count, 0);
  int next = 1;
  for (const Channels& node : of_node) {
    Channels touched;
    for (const int root : node)
      if (channels[root]++ == 0) touched.push_back(root);
    std::map<std::pair<int, int>, int> renamed;
    for (const int root : touched) {
      const auto entry = renamed.emplace(std::make_pair(of_root[root], channels[root]), next);
      if (entry.second) ++next;
      of_root[root] = entry.first->second;
      channels[root] = 0;
    }
  }
  return of_root;
}

struct Place {
  int group = -1, member = 0;
  bool operator==(const Place& o) const { return group == o.group && member == o.member; }
};

std::vector<Segment> segments_of(const Channels& channels, const std::vector<Place>& places) {
  std::vector<Segment> segments;
  for (std::size_t c = 0; c < channels.size();) {
    const Place place = places[channels[c]];
    std::size_t end = c;
    while (end < channels.size() && places[channels[end]] == place) ++end;
    const int repeat = static_cast<int>(end - c);
    if (!segments.empty() && segments.back().group == place.group && segments.back().repeat == repeat &&
        segments.back().first + segments.back().members == place.member) {
      ++segments.back().members;
    } else {
      Segment segment;
      segment.group = place.group;
      segment.first = place.member;
      segment.members = 1;
      segment.repeat = repeat;
      segments.push_back(segment);
    }
    c = end;
  }
  return segments;
}

// What only normalisations read needs no gate of its own: theirs follows.
bool has_gate(const Graph& graph, int i, const std::vector<int>& read_by) {
  const Op op = graph.nodes[i].op;
  if (!has_weights(op) && !is_normalisation(op)) return false;
  return read_by.empty() || !std::all_of(read_by.begin(), read_by.end(),
                                         [&](int reader) { return is_normalisation(graph.nodes[reader].op); });
}

}  // namespace

ChannelGroups channel_groups(const Graph& graph) {
  const std::vector<Shape> shapes = infer_shapes(graph);
  const std::vector<std::vector<int>> read_by = readers(graph);
  const int count = static_cast<int>(graph.nodes.size());
  Ties ties;
  std::vector<Channels> of_node;
  for (int i = 0; i < count; ++i) of_node.push_back(node_channels(graph, shapes, i, of_node, ties));
  for (Channels& channels : of_node)
    for (int& channel : channels) channel = ties.root(channel);

  ChannelGroups result;
  const std::vector<int> classes = classes_of(of_node, ties.size());
  std::map<int, int> group_of_class;
  std::vector<Place> places(ties.size());
  for (int i = 0; i < count; ++i) {
    const Node& node = graph.nodes[i];
    for (const int channel : of_node[i]) {
      Place& place = places[channel];
      if (place.group >= 0) continue;
      const auto entry = group_of_class.emplace(classes[channel], static_cast<int>(result.groups.size()));
      // A channel appears first at an input, a convolution or a linear layer: all others have their inputs' channels.
      if (entry.second) {
        result.groups.emplace_back();
        result.groups.back().name = node.name;
      }
      place.group = entry.first->second;
      place.member = result.groups[place.group].channels++;
    }
    result.of_node.push_back(segments_of(of_node[i], places));
    const bool gate = has_gate(graph, i, read_by[i]);
    std::vector<int> groups_here;
    for (const Segment& segment : result.of_node.back()) groups_here.push_back(segment.group);
    std::sort(groups_here.begin(), groups_here.end());
    groups_here.erase(std::unique(groups_here.begin(), groups_here.end()), groups_here.end());
    for (const int g : groups_here) {
      if (i == 0 || i + 1 == count) result.groups[g].maskable = false;
      if (has_weights(node.op)) result.groups[g].producers.push_back(i);
      if (gate) result.groups[g].gates.push_back(i);
    }
  }
  return result;
}

Mask full_mask(const ChannelGroups& groups) {
  Mask mask;
  for (const ChannelGroup& group : groups.groups) mask.emplace_back(group.channels, std::uint8_t{1});
  return mask;
}

std::vector<int> stem_nodes(const Graph& graph) {
  std::vector<int> nodes;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (node.op == Op::conv2d && node.inputs[0] == 0 && node.attributes.groups == 1)
      nodes.push_back(static_cast<int>(i));
  }
  return nodes;
}

std::vector<std::uint8_t> channel_mask(const ChannelGroups& groups, int node, const Mask& mask) {
  std::vector<std::uint8_t> channels;
  for (const Segment& segment : groups.of_node[node])
    for (int m = segment.first; m < segment.first + segment.members; ++m)
      channels.insert(channels.end(), segment.repeat, mask[segment.group][m]);
  return channels;
}

}  // namespace graph
}  // namespace automask
