#include "methods/masks/weight_scorers.h"

#include <ATen/ATen.h>

namespace automask::methods {

void TaylorScorer::after_backward(models::Network& network, int condition, double scale) {
  add_absolute(condition, network.gate_gradients(condition), scale);
}

// The squares of the roots of what is wanted, so that one running mean serves both.
void TaylorScorer::add_absolute(int condition, const std::vector<at::Tensor>& gradients, double scale) {
  std::vector<at::Tensor> roots;
  for (const at::Tensor& gradient : gradients)
    roots.push_back(gradient.defined() ? gradient.to(at::kDouble).mul(scale).abs_().sqrt_() : gradient);
  add(condition, roots, 1);
}

}  // namespace automask::methods
