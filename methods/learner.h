#pragma once
// A network in training together with what moves its weights, and both of them made physically smaller.
#include <memory>

#include "methods/sgd.h"
#include "models/network.h"

namespace automask::methods {

struct LearnerOptions {
  models::NetworkOptions network;
  double momentum = 0.9, weight_decay = 0;
  bool frozen_backbone = false;  // only batch_norm and affine tensors learn
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

// Whether a parameter of a network belongs to a batch_norm or affine node.
bool is_normalisation(const graph::Graph& graph, const std::string& parameter);

}  // namespace automask::methods
