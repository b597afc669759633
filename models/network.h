#pragma once
// The LibTorch module that executes a graph: training with per-condition normalisation and masks, and inference.
#include <torch/nn/module.h>
#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "graph/graph.h"
#include "models/checkpoint.h"

namespace automask::models {

// How many conditions a network serves and what each has for itself besides its mask.
struct NetworkOptions {
  int conditions = 1;
  bool shared_normalisation = false;  // all use condition 0's batch_norm and affine tensors
  bool private_stem = false;          // each has weights of its own for graph::stem_nodes(), drawn alike
};

// Parameters are named as in graph.h, so the state dict is torchvision's. Shared parameters are registered once, and
// condition 0's normalisation (batch_norm and affine nodes) and private stem under the plain names; those of conditions
// k >= 1 as "conditions.<k>.<node>.<tensor>".
class Network : public torch::nn::Module {
 public:
  // `conditions` >= 1 sets of normalisation. Weights: He initialisation from `seed`, the same whatever the threads.
  Network(graph::Graph graph, int conditions, std::uint64_t seed)
      : Network(std::move(graph), NetworkOptions{conditions, false}, seed) {}
  Network(graph::Graph graph, const NetworkOptions& options, std::uint64_t seed)
      : Network(std::move(graph), options, seed, true) {}
  explicit Network(const Checkpoint& checkpoint);

  // x: [N, C, H, W] float, already scaled. Returns logits [N, classes], or what the softmax at the graph's end makes of
  // them. In training mode batch_norm uses and updates batch statistics of set `condition`, dropout drops values, and a
  // softmax is left to the loss.
  torch::Tensor forward(torch::Tensor x, int condition = 0);

  // So many pictures of a batch, one behind the other, are of this condition.
  struct Rows {
    int condition = 0;
    std::int64_t count = 0;
  };
  // A batch of several conditions, in the order of `rows`: each picture under its condition's mask, batch statistics
  // of all. Each stands once; the counts, above 0, add up to N. Throws GraphError on rows that don't fit, and where
  // conditions have more of their own than masks.
  torch::Tensor forward(torch::Tensor x, const std::vector<Rows>& rows);

  const graph::Graph& graph() const { return graph_; }
  const graph::ChannelGroups& groups() const { return groups_; }
  int conditions() const { return conditions_; }

  // Where the weights lie, and inputs must; torch::nn::Module::to() moves them. Masks set before are moved by the next
  // set_mask.
  torch::Device device() const;

  // Share of a new batch in the running statistics; 1 / (n + 1) at the n-th batch makes them plain averages.
  void set_norm_momentum(double momentum) { norm_momentum_ = momentum; }

  // What dropout drops is a function of the network's seed, this number, the node and the condition (of several in one
  // batch: the first): the same in a training that was interrupted and resumed.
  void set_step(std::int64_t step) { step_ = step; }

  // Masked channels are multiplied by 0 at the group's gates. Throws GraphError on a mask that doesn't fit.
  void set_mask(int condition, const graph::Mask& mask);
  const graph::Mask& mask(int condition) const { return masks_[condition]; }

  // While on, forward keeps one gate tensor [N, members] of ones-or-zeros per maskable group that requires grad, so
  // that after backward gate_gradients()[g] is dLoss/dgate per picture: the raw material of Fisher and Taylor scores.
  // Gates then multiply behind the additions and ReLUs that follow a normalisation, which is the same function; before
  // them the gradient of a masked channel's gate would be 0 by ReLU's own, and no channel could ever return.
  void record_gates(bool on);
  // Of the last batch, and of one condition's pictures in it; empty tensors for unmaskable groups.
  std::vector<torch::Tensor> gate_gradients() const;
  std::vector<torch::Tensor> gate_gradients(int condition) const;
  // What recorded gates of kept channels are under a condition instead of 1, per group and member; empty: ones.
  void set_gate_values(int condition, std::vector<std::vector<float>> values);

  // While on, batch_norm uses its running statistics in training mode, too, and leaves them as they are.
  void freeze_statistics(bool on) { statistics_frozen_ = on; }

  // Called with each node's value as soon as it is computed; what it returns takes the value's place. For calibration
  // and for simulating other arithmetic. An empty function ends it.
  using Observer = std::function<torch::Tensor(int node, const torch::Tensor& value)>;
  void observe(Observer observer) { observer_ = std::move(observer); }

  // Called with the weight of each conv2d and linear node (that of the condition) before it is used; what it returns is
  // used instead. For simulating other arithmetic. An empty function ends it.
  void observe_weights(Observer observer) { weight_observer_ = std::move(observer); }

  // For observers: the condition of the forward pass under way (of several: the first), and a node's tensors. Undefined
  // where it has none.
  int executing() const { return executing_; }
  struct NodeTensors {
    // A batch_norm's, affine's or private stem's are those of `condition`.
    torch::Tensor weight, bias, running_mean, running_var;
  };
  NodeTensors tensors_of(int node, int condition) const;

  void load(const Checkpoint& checkpoint);   // graph, masks and normalisation must agree
  void store(Checkpoint& checkpoint) const;  // fills graph, weights, masks, normalisation

 private:
  Network(graph::Graph graph, const NetworkOptions& options, std::uint64_t seed, bool initialise);
  void check(const std::vector<Rows>& rows, std::int64_t pictures) const;
  bool cuts(std::size_t group, const std::vector<Rows>& rows) const;  // whether any of them is masked there
  torch::Tensor gates_of(std::size_t group, const std::vector<Rows>& rows, torch::Device device) const;

  graph::Graph graph_;
  graph::ChannelGroups groups_;
  int conditions_;
  bool masks_alone_differ_;
  std::uint64_t seed_;
  std::int64_t step_ = 0;
  std::vector<graph::Mask> masks_;
  double norm_momentum_ = 0.1;
  bool statistics_frozen_ = false;
  std::vector<std::vector<std::vector<float>>> gate_values_;  // per condition, where one has been set
  Observer observer_, weight_observer_;
  int executing_ = 0;
  struct Nodes;
  std::shared_ptr<Nodes> nodes_;
};

// u8 pictures [N, H, W, C] -> scaled float [N, C, H, W].
torch::Tensor to_input(const torch::Tensor& pictures, const InputScaling& scaling);

graph::Tensor to_plain(const torch::Tensor& tensor);
torch::Tensor to_torch(const graph::Tensor& tensor);

}  // namespace automask::models
