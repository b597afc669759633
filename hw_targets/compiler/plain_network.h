#pragma once
// A graph with weights of its own as a LibTorch network that has one condition and no mask.
#include "hw_targets/package/package.h"
#include "models/network.h"

namespace automask::compiler {

models::Network plain_network(const graph::Graph& graph, const graph::TensorMap& weights);

// Logits [N, classes] of condition k of an FP32 or FP16 package, of u8 pictures [N, H, W, C].
torch::Tensor real_logits(const package::Package& package, int k, const torch::Tensor& pictures);

// LibTorch's thread count belongs to the process; it is put back.
class Threads {
 public:
  explicit Threads(int count);
  ~Threads();
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  int before_;
};

}  // namespace automask::compiler
