#include "hw_targets/z7020/weight_store.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "hw_targets/z7020/layers.h"

namespace automask {
namespace z7020 {
namespace {

using graph::Op;

// How the weights of one conv2d or linear node lie: taps, and channels that the row of an output has.
struct Geometry {
  int outputs, channels, taps;
  int input;  // node whose channels they are
  bool grouped;
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
      result[node.name] = {shapes[i].channels, in.channels, in.height * in.width, input, false};
    else
      result[node.name] = {shapes[i].channels, in.channels / a.groups, a.kernel_h * a.kernel_w, input, a.groups > 1};
  }
  return result;
}

// `weight(i)`: value number i of [out, channels, taps]. Grouped convolutions that the ARM cores execute are stored,
// too: a mask may make depthwise ones of them.
template <class Weight>
StoredRows append(WeightStore& store, const Geometry& g, std::vector<int> place, Weight weight) {
  StoredRows rows;
  rows.address = static_cast<std::uint32_t>(store.words.size());
  rows.taps = g.taps;
  rows.channels = g.channels;
  rows.tap_bytes = g.grouped && g.channels == 1 ? 1 : (g.channels + 3) / 4 * 4;
  rows.place = std::move(place);
  rows.pitch = static_cast<std::uint32_t>((rows.tap_bytes * g.taps + 3) / 4);
  store.words.resize(store.words.size() + static_cast<std::size_t>(g.outputs) * rows.pitch);
  for (int o = 0; o < g.outputs; ++o)
    for (int t = 0; t < g.taps; ++t)
      for (int c = 0; c < g.channels; ++c) {
        const int byte = t * rows.tap_bytes + rows.place[static_cast<std::size_t>(c)];
        const std::size_t from =
            (static_cast<std::size_t>(o) * static_cast<std::size_t>(g.channels) + static_cast<std::size_t>(c)) *
                static_cast<std::size_t>(g.taps) +
            static_cast<std::size_t>(t);
        const std::size_t to =
            rows.address + static_cast<std::size_t>(o) * rows.pitch + static_cast<std::size_t>(byte) / 4;
        store.words[to] |= static_cast<std::uint32_t>(static_cast<std::uint8_t>(weight(from))) << (8 * (byte % 4));
      }
  return rows;
}

// Where each input channel of a layer stands: first those that most conditions keep, and of those that equally many
// keep the same ones together.
std::vector<int> places(const std::vector<Kept>& conditions, const std::string& node, int channels) {
  std::vector<std::vector<int>> keepers(static_cast<std::size_t>(channels));
  for (std::size_t k = 0; k < conditions.size(); ++k)
    for (const int channel : conditions[k].inputs.at(node))
      keepers[static_cast<std::size_t>(channel)].push_back(static_cast<int>(k));
  std::vector<int> order(static_cast<std::size_t>(channels));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    const std::vector<int>&of_a = keepers[static_cast<std::size_t>(a)], &of_b = keepers[static_cast<std::size_t>(b)];
    return of_a.size() != of_b.size() ? of_a.size() > of_b.size() : of_a < of_b;
  });
  std::vector<int> place(order.size());
  for (std::size_t p = 0; p < order.size(); ++p) place[static_cast<std::size_t>(order[p])] = static_cast<int>(p);
  return place;
}

}  // namespace

WeightStore store_weights(const package::Package& package) {
  WeightStore store;
  std::vector<Kept> kept, none;  // a grouped convolution's rows differ in their channels
  for (int k = 0; k < static_cast<int>(package.conditions.size()); ++k) kept.push_back(kept_channels(package, k));
  for (const auto& item : geometries(package.graph)) {
    const auto stored = [&](const graph::Tensor& weight) {
      return append(store, item.second, places(item.second.grouped ? none : kept, item.first, item.second.channels),
                    [&](std::size_t i) { return static_cast<std::int8_t>(weight.data[i]); });
    };
    const auto shared = package.weights.find(item.first + ".weight");
    if (shared != package.weights.end()) {
      store.rows[item.first] = stored(shared->second);
      continue;
    }
    for (std::size_t k = 0; k < kept.size(); ++k)
      store.own_rows[{item.first, static_cast<int>(k)}] = stored(package::weight_of(package, k, item.first));
  }
  return store;
}

WeightStore store_weights(const package::IntegerNetwork& network) {
  WeightStore store;
  for (const auto& item : geometries(network.graph)) {
    const std::vector<std::int8_t>& values = network.weights.at(item.first);
    store.rows[item.first] = append(store, item.second, places({}, item.first, item.second.channels),
                                    [&](std::size_t i) { return values[i]; });
  }
  return store;
}

const StoredRows& WeightStore::rows_of(const std::string& layer, const Kept& kept) const {
  const auto own = own_rows.find({layer, kept.condition});
  return own == own_rows.end() ? rows.at(layer) : own->second;
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
  result.condition = condition;
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
