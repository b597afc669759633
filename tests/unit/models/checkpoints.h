#pragma once
// Checkpoints with random content for tests.
#include <random>
#include <string>

#include "models/checkpoint.h"
#include "tests/unit/graph/networks.h"

namespace automask::testing {

// `conditions` normalisations and masks; the plain batch_norm and affine tensors are those of condition 0.
inline models::Checkpoint random_checkpoint(const graph::Graph& net, int conditions, std::mt19937& random,
                                            float keep = 0.6F, bool private_stem = false) {
  models::Checkpoint checkpoint;
  checkpoint.graph = net;
  const graph::ChannelGroups groups = graph::channel_groups(net);
  for (int k = 0; k < conditions; ++k) {
    checkpoint.conditions.push_back(conditions == 1 ? "*" : k == 0 ? "clean" : "jpeg:q" + std::to_string(k));
    checkpoint.masks.push_back(networks::random_mask(groups, random, keep));
    graph::TensorMap all = networks::random_weights(net, random);
    checkpoint.normalisation.emplace_back();
    for (const graph::Node& node : net.nodes)
      for (const char* tensor : {".weight", ".bias", ".running_mean", ".running_var"})
        if ((node.op == graph::Op::batch_norm || node.op == graph::Op::affine) && all.count(node.name + tensor) != 0)
          checkpoint.normalisation[k][node.name + tensor] = all[node.name + tensor];
    if (private_stem)
      for (const int node : graph::stem_nodes(net)) {
        const std::string name = net.nodes[static_cast<std::size_t>(node)].name + ".weight";
        checkpoint.normalisation[k][name] = all[name];
      }
    if (k == 0) checkpoint.weights = std::move(all);
  }
  for (int c = 0; c < net.input.channels; ++c) {
    checkpoint.input.mean.push_back(0.25F + 0.1F * float(c));
    checkpoint.input.deviation.push_back(0.5F);
  }
  checkpoint.classes = {"cat", "dog", "bird \"\xC3\xA9\""};
  checkpoint.training = {{"method", "automask"}, {"losses", {2.5, 0.1}}};
  return checkpoint;
}

}  // namespace automask::testing
