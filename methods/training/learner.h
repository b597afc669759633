#pragma once
// A network in training together with what moves its weights, and both of them made physically smaller.
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "methods/training/sgd.h"
#include "models/network.h"

namespace automask::methods {

struct LearnerOptions {
  models::NetworkOptions network;
  double momentum = 0.9, weight_decay = 0;
  std::set<std::string> frozen;  // nodes whose tensors stay as they are
  std::uint64_t seed = 0;
  torch::Device device = torch::kCPU;
};

struct Learner {
  LearnerOptions options;
  models::Network network;
  FlatSgd optimizer;

  Learner(graph::Graph graph, const LearnerOptions& options);

  // The network under the same masks without what none of them keeps, weights and velocities taken over: the same
  // function and the same training from here on, but less to compute.
  std::unique_ptr<Learner> shrunk(const graph::Mask& kept) const;

  // The same on another device.
  std::unique_ptr<Learner> moved(torch::Device device) const;

  // Weights that don't learn, by name: what a saved state needs besides the optimizer's vectors and the buffers.
  std::vector<std::pair<std::string, torch::Tensor>> still_parameters() const;
};

// The convolutions and linear layers of a graph, by name: what a frozen backbone keeps.
std::set<std::string> backbone_of(const graph::Graph& graph);

}  // namespace automask::methods
