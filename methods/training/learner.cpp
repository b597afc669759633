#include "methods/training/learner.h"

#include <ATen/ATen.h>
#include <torch/utils.h>

#include "graph/structure.h"
#include "models/shrunk.h"

namespace automask::methods {
namespace {

models::Checkpoint stored(const models::Network& network) {
  models::Checkpoint checkpoint;
  network.store(checkpoint);
  return checkpoint;
}

}  // namespace

namespace {

// The node of a parameter, whichever condition has it.
std::string node_of(const std::string& parameter) {
  std::string name = parameter.substr(0, parameter.rfind('.'));
  const std::string prefix = "conditions.";
  if (name.starts_with(prefix)) name = name.substr(name.find('.', prefix.size()) + 1);
  return name;
}

// Before the optimizer takes the parameters into its vector.
models::Network& on(models::Network& network, torch::Device device) {
  if (device != torch::kCPU) network.to(device);
  return network;
}

}  // namespace

std::set<std::string> backbone_of(const graph::Graph& graph) {
  std::set<std::string> names;
  for (const graph::Node& node : graph.nodes)
    if (graph::has_weights(node.op)) names.insert(node.name);
  return names;
}

Learner::Learner(graph::Graph graph, const LearnerOptions& o)
    : options(o),
      network(std::move(graph), o.network, o.seed),
      optimizer(on(network, o.device), o.momentum, o.weight_decay,
                [this](const std::string& name) { return options.frozen.count(node_of(name)) == 0; }) {}

std::unique_ptr<Learner> Learner::shrunk(const graph::Mask& kept) const {
  const torch::NoGradGuard no_grad;
  auto small = std::make_unique<Learner>(graph::shrink(network.graph(), kept), options);
  // The velocities stand where the weights stand: for a moment they take their place.
  torch::Tensor here = optimizer.values(), there = small->optimizer.values();
  const torch::Tensor weights = here.clone();
  here.copy_(optimizer.velocity());
  const models::Checkpoint velocity = stored(network);
  here.copy_(weights);
  small->network.load(models::shrunk_checkpoint(velocity, kept));
  small->optimizer.velocity().copy_(there);
  small->network.load(models::shrunk_checkpoint(stored(network), kept));
  return small;
}

std::unique_ptr<Learner> Learner::moved(torch::Device device) const {
  const torch::NoGradGuard no_grad;
  LearnerOptions there = options;
  there.device = device;
  auto other = std::make_unique<Learner>(network.graph(), there);
  other->network.load(stored(network));
  other->optimizer.velocity().copy_(optimizer.velocity());
  return other;
}

std::vector<std::pair<std::string, torch::Tensor>> Learner::still_parameters() const {
  std::vector<std::pair<std::string, torch::Tensor>> still;
  for (const auto& parameter : network.named_parameters())
    if (!parameter.value().requires_grad()) still.emplace_back(parameter.key(), parameter.value());
  return still;
}

}  // namespace automask::methods
