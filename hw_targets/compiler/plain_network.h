#pragma once
// A graph with weights of its own as a LibTorch network that has one condition and no mask. Inside this room only.
#include "models/network.h"

namespace automask::compiler {

models::Network plain_network(const graph::Graph& graph, const graph::TensorMap& weights);

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
