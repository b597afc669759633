#pragma once
// Stochastic gradient descent with Nesterov momentum over one flat vector: a handful of operations per step however
// many tensors the network has, and a state that is two tensors.
#include <torch/nn/module.h>

#include <functional>
#include <string>

namespace automask::methods {

class FlatSgd {
 public:
  // Moves the module's parameters into one vector (they keep shape and memory layout) and gives them gradients there.
  // Weight decay acts on tensors of two or more dimensions: not on biases, not on normalisation. Parameters that
  // `learns` says no of, by name, stay where and as they are, and get no gradients; empty: all learn.
  FlatSgd(torch::nn::Module& module, double momentum, double weight_decay,
          const std::function<bool(const std::string& name)>& learns = {});

  void zero_gradients();
  void step(double learning_rate);
  void rest();          // forgets the velocity
  bool finite() const;  // whether all parameters are; a finite loss may have gradients that are not

  const torch::Tensor& values() const { return values_; }
  const torch::Tensor& velocity() const { return velocity_; }

 private:
  double momentum_, weight_decay_;
  std::int64_t decayed_ = 0;  // the first so many values decay
  torch::Tensor values_, gradients_, velocity_;
};

}  // namespace automask::methods
