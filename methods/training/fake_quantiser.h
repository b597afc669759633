#pragma once
// INT8 arithmetic simulated in LibTorch while the weights can still learn: the forward pass computes what the integer
// reference computes (docs/package.md section 10: weights, requantisation factors and values on their steps), the
// backward pass takes every rounding for the identity (Jacob et al., "Quantization and training of neural networks for
// efficient integer-arithmetic-only inference", CVPR 2018).
#include <map>
#include <string>
#include <vector>

#include "core/json.h"
#include "graph/graph.h"
#include "models/network.h"

namespace automask::methods {

class FakeQuantiser {
 public:
  // `network` must be shrunk to the union of its masks, since a channel's weight step depends on what is stored. It
  // must outlive this; while attached, its observers are this one's. Execute it in evaluation mode.
  FakeQuantiser(models::Network& network, const models::InputScaling& scaling);
  ~FakeQuantiser();
  FakeQuantiser(const FakeQuantiser&) = delete;
  FakeQuantiser& operator=(const FakeQuantiser&) = delete;

  struct Input {
    int set;
    torch::Tensor x;  // as the network takes it
  };
  // Ranges of every set's values: those with the least mean squared error on these inputs, at least one per set.
  void calibrate(const std::vector<Input>& inputs);

  void attach();  // needs ranges
  void detach();

  // Per set: the range of every value that an INT8 package holds, by the node's name in that package's networks.
  using Ranges = std::vector<std::map<std::string, double>>;
  Ranges ranges() const;
  void set_ranges(const Ranges& ranges);

 private:
  torch::Tensor quantised_weight(int node, const torch::Tensor& weight);
  torch::Tensor value_of(int node, const torch::Tensor& value);
  torch::Tensor layer(int node, int layer_node);
  torch::Tensor on_steps(int node);  // a node's value in its steps, whole numbers
  double step(int node) const;       // what a step of a node's value is worth in the set being executed
  double most(int node) const;       // steps
  std::size_t class_of(int node) const { return static_cast<std::size_t>(classes_[static_cast<std::size_t>(node)]); }
  bool stored(int node) const;  // whether a package holds this node's value
  std::string name_in_package(int node) const;

  models::Network& network_;
  graph::Graph graph_;  // the network's, batch_norm as affine
  std::vector<graph::Shape> shapes_;
  std::vector<int> folded_;   // per node: the layer it folds into
  std::vector<int> last_of_;  // per layer: the node that completes it
  std::vector<int> classes_;
  std::vector<bool> counts_;
  std::size_t output_;
  double input_range_;
  std::vector<std::vector<double>> ranges_;  // per set and class

  // Of the forward pass under way.
  std::vector<torch::Tensor> steps_, values_, accumulators_, weight_steps_;
};

}  // namespace automask::methods
