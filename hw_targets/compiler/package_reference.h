#pragma once
// What a runner must answer: one condition of a package in any number format, executed here.
#include "hw_targets/package/package.h"
#include "models/network.h"

namespace automask::compiler {

class PackageReference {
 public:
  PackageReference(const package::Package& package, int condition);

  // u8 pictures [N, H, W, C] -> logits [N, classes], FP32. FP32 and FP16 by LibTorch on its threads, INT8 by the
  // integer reference, each picture on one of `threads`.
  torch::Tensor logits(const torch::Tensor& pictures, int threads);

  const graph::Graph& graph() const { return integers_ ? integers_->graph : network_->graph(); }

 private:
  std::unique_ptr<package::IntegerNetwork> integers_;
  std::unique_ptr<models::Network> network_;
  models::InputScaling scaling_;
};

}  // namespace automask::compiler
