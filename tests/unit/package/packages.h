#pragma once
// Small packages for tests, built without the compiler: batch_norm becomes affine, masks and values are random.
#include <random>
#include <string>
#include <vector>

#include "hw_targets/package/package.h"
#include "tests/unit/graph/networks.h"
#include "tests/unit/graph/reference.h"

namespace automask::packages {

// Keeps only what the format stores: affine values and stem weights of dropped channels become 0.
inline void drop_masked(const graph::Graph& net, package::Condition& condition) {
  const graph::ChannelGroups groups = graph::channel_groups(net);
  for (auto* values : {&condition.scale, &condition.bias})
    for (auto& [node, of_node] : *values) {
      const auto kept = graph::channel_mask(groups, net.find(node), condition.mask);
      for (std::size_t c = 0; c < of_node.size(); ++c)
        if (kept[c] == 0) of_node[c] = 0;
    }
  for (auto& [name, tensor] : condition.weights) {
    const auto kept = graph::channel_mask(groups, net.find(name.substr(0, name.rfind('.'))), condition.mask);
    for (std::size_t i = 0; i < tensor.data.size(); ++i)
      if (kept[i / (tensor.data.size() / kept.size())] == 0) tensor.data[i] = 0;
  }
}

// Gives every condition a stem of its own; nothing where the network has none.
inline void make_stem_private(package::Package& p, unsigned seed) {
  std::mt19937 random(seed);
  for (const int node : graph::stem_nodes(p.graph)) {
    const std::string name = p.graph.nodes[static_cast<std::size_t>(node)].name + ".weight";
    p.private_stem = true;
    for (package::Condition& condition : p.conditions) {
      graph::Tensor& own = condition.weights[name] = p.weights.at(name);
      for (float& value : own.data) value *= networks::uniform(random, -1, 1);
      drop_masked(p.graph, condition);
    }
    p.weights.erase(name);
  }
}

inline package::Package make(graph::Graph net, const std::vector<std::string>& names, unsigned seed) {
  std::mt19937 random(seed);
  for (graph::Node& node : net.nodes)
    if (node.op == graph::Op::batch_norm) node.op = graph::Op::affine;
  package::Package p;
  p.graph = net;
  const graph::TensorMap all = networks::random_weights(net, random);
  const auto is_affine = [&](const std::string& tensor) {
    return net.nodes[net.find(tensor.substr(0, tensor.rfind('.')))].op == graph::Op::affine;
  };
  for (const auto& [name, tensor] : all)
    if (!is_affine(name)) p.weights[name] = tensor;
  const graph::ChannelGroups groups = graph::channel_groups(net);
  const auto shapes = graph::infer_shapes(net);
  graph::Mask covered;
  for (const std::string& name : names) {
    package::Condition condition;
    condition.name = name;
    condition.mask = networks::random_mask(groups, random);
    if (covered.empty()) covered = condition.mask;
    for (std::size_t g = 0; g < covered.size(); ++g)
      for (std::size_t c = 0; c < covered[g].size(); ++c) covered[g][c] |= condition.mask[g][c];
    for (std::size_t i = 0; i < net.nodes.size(); ++i) {
      if (net.nodes[i].op != graph::Op::affine) continue;
      for (auto* values : {&condition.scale, &condition.bias})
        for (int c = 0; c < shapes[i].channels; ++c)
          (*values)[net.nodes[i].name].push_back(networks::uniform(random, -1, 1));
    }
    p.conditions.push_back(condition);
  }
  for (std::size_t g = 0; g < covered.size(); ++g)  // what nobody kept, the first keeps
    for (std::size_t c = 0; c < covered[g].size(); ++c)
      if (covered[g][c] == 0) p.conditions[0].mask[g][c] = 1;
  for (package::Condition& condition : p.conditions) drop_masked(net, condition);
  p.input_mean.assign(net.input.channels, 0.286f);
  p.input_deviation.assign(net.input.channels, 0.353f);
  for (int c = 0; c < shapes.back().channels; ++c) p.classes.push_back("class " + std::to_string(c));
  p.provenance = {{"method", "automask"}, {"seed", seed}, {"note", "caf\u00e9 \"quoted\""}};
  return p;
}

// A condition as the masked union network, by the reference executor.
inline std::vector<float> execute_masked(const package::Package& p, int k, const std::vector<float>& picture) {
  graph::TensorMap weights = p.weights;
  for (const auto& [name, tensor] : p.conditions[k].weights) weights[name] = tensor;
  for (const auto& [node, values] : p.conditions[k].scale)
    weights[node + ".weight"] = {{static_cast<std::int64_t>(values.size())}, values};
  for (const auto& [node, values] : p.conditions[k].bias)
    weights[node + ".bias"] = {{static_cast<std::int64_t>(values.size())}, values};
  return reference::execute(p.graph, weights, picture, p.conditions[k].mask);
}

}  // namespace automask::packages
