#include "hw_targets/compiler/plain_network.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <utility>

namespace automask::compiler {

models::Network plain_network(const graph::Graph& graph, const graph::TensorMap& weights) {
  models::Checkpoint plain;
  plain.graph = graph;
  plain.weights = weights;
  plain.conditions = {"*"};
  plain.masks = {graph::full_mask(graph::channel_groups(graph))};
  graph::TensorMap normalisation;
  for (const graph::Node& node : graph.nodes)
    if (node.op == graph::Op::batch_norm)
      for (const char* suffix : {".weight", ".bias", ".running_mean", ".running_var"})
        normalisation[node.name + suffix] = weights.at(node.name + suffix);
  plain.normalisation = {std::move(normalisation)};
  models::Network network(plain);
  network.eval();
  return network;
}

Threads::Threads(int count) : before_(at::get_num_threads()) { at::set_num_threads(std::max(count, 1)); }
Threads::~Threads() { at::set_num_threads(before_); }

}  // namespace automask::compiler
