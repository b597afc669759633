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

torch::Tensor real_logits(const package::Package& package, int k, const torch::Tensor& pictures) {
  const package::PlainNetwork plain = package::materialise(package, k);
  models::Network network = plain_network(plain.graph, plain.weights);
  return network.forward(models::to_input(pictures, {package.input_mean, package.input_deviation}));
}

Threads::Threads(int count) : before_(at::get_num_threads()) { at::set_num_threads(std::max(count, 1)); }
Threads::~Threads() { at::set_num_threads(before_); }

}  // namespace automask::compiler
