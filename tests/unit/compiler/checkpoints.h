#pragma once
// Checkpoints as training would leave them: random weights, a mask and a normalisation per condition.
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "models/checkpoint.h"
#include "tests/unit/graph/networks.h"

namespace automask::checkpoints {

inline models::Checkpoint make(const graph::Graph& net, const std::vector<std::string>& names, unsigned seed,
                               float keep = 0.5F, bool private_stem = false) {
  std::mt19937 random(seed);
  models::Checkpoint c;
  c.graph = net;
  c.conditions = names;
  const graph::ChannelGroups groups = graph::channel_groups(net);
  for (std::size_t k = 0; k < names.size(); ++k) {
    c.masks.push_back(networks::random_mask(groups, random, keep));
    const graph::TensorMap all = networks::random_weights(net, random);
    graph::TensorMap normalisation;
    for (const graph::Node& node : net.nodes)
      if (node.op == graph::Op::batch_norm)
        for (const char* suffix : {".weight", ".bias", ".running_mean", ".running_var"})
          normalisation[node.name + suffix] = all.at(node.name + suffix);
    if (private_stem)
      for (const int node : graph::stem_nodes(net)) {
        const std::string name = net.nodes[static_cast<std::size_t>(node)].name + ".weight";
        normalisation[name] = all.at(name);
      }
    c.normalisation.push_back(std::move(normalisation));
  }
  c.weights = networks::random_weights(net, random);
  for (const auto& [name, tensor] : c.normalisation[0]) c.weights[name] = tensor;
  c.input.mean.assign(static_cast<std::size_t>(net.input.channels), 0.286F);
  c.input.deviation.assign(static_cast<std::size_t>(net.input.channels), 0.353F);
  for (int i = 0; i < graph::infer_shapes(net).back().channels; ++i) c.classes.push_back(std::to_string(i));
  c.training = {{"method", "automask"}, {"seed", seed}};
  return c;
}

}  // namespace automask::checkpoints
