#include <utility>

#include "hw_targets/package/layout.h"

namespace automask {
namespace package {
namespace {

// w' = w * scale[o], b' = b * scale[o] + bias[o], in double so that folding adds one rounding only.
void fold(const graph::Node& layer, const std::string& affine_name, graph::TensorMap& weights) {
  graph::Tensor& weight = weights.at(layer.name + ".weight");
  const graph::Tensor scale = std::move(weights.at(affine_name + ".weight"));
  graph::Tensor bias = std::move(weights.at(affine_name + ".bias"));
  weights.erase(affine_name + ".weight");
  weights.erase(affine_name + ".bias");
  const std::size_t outputs = scale.data.size(), row = weight.data.size() / outputs;
  for (std::size_t o = 0; o < outputs; ++o)
    for (std::size_t i = 0; i < row; ++i)
      weight.data[o * row + i] = static_cast<float>(static_cast<double>(weight.data[o * row + i]) * scale.data[o]);
  if (layer.attributes.bias) {
    const graph::Tensor& own = weights.at(layer.name + ".bias");
    for (std::size_t o = 0; o < outputs; ++o)
      bias.data[o] = static_cast<float>(static_cast<double>(own.data[o]) * scale.data[o] + bias.data[o]);
  }
  weights[layer.name + ".bias"] = std::move(bias);
}

const Condition& condition_at(const Package& package, int condition) {
  if (condition < 0 || condition >= static_cast<int>(package.conditions.size()))
    throw PackageError("package: conditions: there is no condition " + std::to_string(condition));
  return package.conditions[static_cast<std::size_t>(condition)];
}

// The layer takes the affine's place, so that the last node stays the last.
void remove_affine(graph::Graph& graph, std::size_t affine, int layer) {
  graph.nodes[affine] = graph.nodes[layer];
  graph.nodes[affine].attributes.bias = true;
  graph.nodes.erase(graph.nodes.begin() + layer);
  for (graph::Node& node : graph.nodes)
    for (int& input : node.inputs)
      if (input > layer) --input;
}

// Removes every affine that folds into a layer, after telling `on_fold` of both.
template <class OnFold>
void fold_affines(graph::Graph& graph, OnFold on_fold) {
  for (std::size_t i = 0; i < graph.nodes.size();) {
    const int layer = folded_into(graph)[i];
    if (layer < 0) {
      ++i;
      continue;
    }
    on_fold(layer, i);
    remove_affine(graph, i, layer);  // node i is now what followed
  }
}

}  // namespace

PlainNetwork materialise(const Package& package, int condition) {
  const Condition& chosen = condition_at(package, condition);
  if (package.format == Format::int8) throw PackageError("package: an INT8 network cannot be executed in real numbers");
  graph::TensorMap weights = package.weights;
  for (const auto& own : chosen.weights) weights[own.first] = own.second;
  for (const int i : affine_nodes(package.graph)) {
    const std::string& name = package.graph.nodes[i].name;
    const std::vector<float>&scale = chosen.scale.at(name), &bias = chosen.bias.at(name);
    const std::vector<std::int64_t> shape = {static_cast<std::int64_t>(scale.size())};
    weights[name + ".weight"] = {shape, scale};
    weights[name + ".bias"] = {shape, bias};
  }
  PlainNetwork plain;
  plain.graph = graph::shrink(package.graph, chosen.mask);
  plain.weights = graph::shrink_weights(package.graph, chosen.mask, weights);
  fold_affines(plain.graph, [&plain](int layer, std::size_t affine) {
    fold(plain.graph.nodes[layer], plain.graph.nodes[affine].name, plain.weights);
  });
  return plain;
}

IntegerNetwork materialise_integers(const Package& package, int condition) {
  const Condition& chosen = condition_at(package, condition);
  if (package.format != Format::int8)
    throw PackageError(std::string("package: holds ") + to_string(package.format) + " weights, not INT8");
  graph::TensorMap weights = package.weights;
  for (const auto& own : chosen.weights) weights[own.first] = own.second;
  for (const auto& parameter : graph::parameter_shapes(package.graph))  // biases and affines live in the requantisation
    if (weights.count(parameter.first) == 0)
      weights[parameter.first] = {parameter.second, std::vector<float>(static_cast<std::size_t>(parameter.second[0]))};
  IntegerNetwork network;
  network.input_table = package.input_table;
  network.integers.scale = chosen.integers.scale;
  const graph::ChannelGroups groups = graph::channel_groups(package.graph);
  for (const Requantised& entry : requantised_nodes(package.graph)) {
    const std::string& name = package.graph.nodes[static_cast<std::size_t>(entry.node)].name;
    const std::vector<Requantisation>& all = chosen.integers.of_node.at(name);
    const std::vector<std::uint8_t> kept = stored_entries(entry, groups, chosen.mask);
    for (std::size_t i = 0; i < all.size(); ++i)
      if (kept[i] != 0) network.integers.of_node[name].push_back(all[i]);
  }
  network.graph = graph::shrink(package.graph, chosen.mask);
  weights = graph::shrink_weights(package.graph, chosen.mask, weights);
  fold_affines(network.graph, [&network](int layer, std::size_t) {
    network.integers.scale.erase(network.integers.scale.begin() + layer);
  });
  for (graph::Node& node : network.graph.nodes) {
    if (node.op != graph::Op::conv2d && node.op != graph::Op::linear) continue;
    node.attributes.bias = true;
    const std::vector<float>& values = weights.at(node.name + ".weight").data;
    network.weights[node.name].assign(values.begin(), values.end());
  }
  return network;
}

}  // namespace package
}  // namespace automask
