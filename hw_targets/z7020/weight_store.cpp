#include "hw_targets/z7020/weight_store.h"

#include <numeric>

#include "hw_targets/z7020/layers.h"

namespace automask {
namespace z7020 {
namespace {

using graph::Op;

// How the weights of one conv2d or linear node lie: taps, and channels that the row of an output has.
struct Geometry {
  int outputs, channels, taps;
  int input;  // node whose channels they are
};

std::map<std::string, Geometry> geometries(const graph::Graph& graph) {
  const std::vector<graph::Shape> shapes = graph::infer_shapes(graph);
  const std::vector<int> name = names(graph, shapes);
  std::map<std::string, Geometry> result;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const graph::Node& node = graph.nodes[i];
    if (node.op != Op::conv2d && node.op != Op::linear) continue;
    const int input = name[static_cast<std::size_t>(node.inputs[0])];
    const graph::Shape& in = shapes[static_cast<std::size_t>(input)];
    const graph::Attributes& a = node.attributes;
    if (node.op == Op::linear)
      result[node.name] = {shapes[i].channels, in.channels, in.height * in.width, input};
    else
      result[node.name] = {shapes[i].channels, in.channels / a.groups, a.kernel_h * a.kernel_w, input};
  }
  return result;
}

// `weight(i)`: value number i of [out, channels, taps]. Grouped convolutions that the ARM cores execute are stored,
// too: a mask may make depthwise ones of them.
template <class Weight>
void append(WeightStore& store, const std::string& node, const Geometry& g, Weight weight) {
  StoredRows rows;
  rows.address = static_cast<std::uint32_t>(store.words.size());
  rows.pitch = static_cast<std::uint32_t>((g.channels * g.taps + 3) / 4);
  rows.taps = g.taps;
  rows.channels = g.channels;
  store.words.resize(store.words.size() + static_cast<std::size_t>(g.outputs) * rows.pitch);
  for (int o = 0; o < g.outputs; ++o)
    for (int t = 0; t < g.taps; ++t)
      for (int c = 0; c < g.channels; ++c) {
        const int byte = t * g.channels + c;
        const std::size_t from =
            (static_cast<std::size_t>(o) * static_cast<std::size_t>(g.channels) + static_cast<std::size_t>(c)) *
                static_cast<std::size_t>(g.taps) +
            static_cast<std::size_t>(t);
        const std::size_t to =
            rows.address + static_cast<std::size_t>(o) * rows.pitch + static_cast<std::size_t>(byte) / 4;
        store.words[to] |= static_cast<std::uint32_t>(static_cast<std::uint8_t>(weight(from))) << (8 * (byte % 4));
      }
  store.rows[node] = rows;
}

}  // namespace

WeightStore store_weights(const package::Package& package) {
  WeightStore store;
  for (const auto& item : geometries(package.graph)) {
    const std::vector<float>& values = package.weights.at(item.first + ".weight").data;
    append(store, item.first, item.second, [&](std::size_t i) { return static_cast<std::int8_t>(values[i]); });
  }
  return store;
}

WeightStore store_weights(const package::IntegerNetwork& network) {
  WeightStore store;
  for (const auto& item : geometries(network.graph)) {
    const std::vector<std::int8_t>& values = network.weights.at(item.first);
    append(store, item.first, item.second, [&](std::size_t i) { return values[i]; });
  }
  return store;
}

Kept kept_channels(const package::Package& package, int condition) {
  const graph::ChannelGroups groups = graph::channel_groups(package.graph);
  const graph::Mask& mask = package.conditions.at(static_cast<std::size_t>(condition)).mask;
  const auto kept = [&](int node) {
    std::vector<int> channels;
    const std::vector<std::uint8_t> flags = graph::channel_mask(groups, node, mask);
    for (std::size_t c = 0; c < flags.size(); ++c)
      if (flags[c] != 0) channels.push_back(static_cast<int>(c));
    return channels;
  };
  Kept result;
  for (const auto& item : geometries(package.graph)) {
    result.outputs[item.first] = kept(package.graph.find(item.first));
    result.inputs[item.first] = kept(item.second.input);
  }
  return result;
}

Kept all_channels(const package::IntegerNetwork& network) {
  Kept result;
  for (const auto& item : geometries(network.graph)) {
    std::vector<int>& outputs = result.outputs[item.first];
    outputs.resize(static_cast<std::size_t>(item.second.outputs));
    std::iota(outputs.begin(), outputs.end(), 0);
    std::vector<int>& inputs = result.inputs[item.first];
    inputs.resize(static_cast<std::size_t>(item.second.channels));
    std::iota(inputs.begin(), inputs.end(), 0);
  }
  return result;
}

}  // namespace z7020
}  // namespace automask
