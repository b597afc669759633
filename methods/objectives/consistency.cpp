#include "methods/objectives/consistency.h"

#include <ATen/ATen.h>

namespace automask::methods {

at::Tensor jensen_shannon(const std::vector<at::Tensor>& logits) {
  std::vector<at::Tensor> logs;
  at::Tensor mean;
  for (const at::Tensor& view : logits) {
    logs.push_back(at::log_softmax(view, 1));
    mean = mean.defined() ? mean + logs.back().exp() : logs.back().exp();
  }
  // As the paper's code: a class nobody believes in would give log 0.
  const at::Tensor log_mean = (mean / double(logits.size())).clamp_min(1e-7).log();
  at::Tensor sum = at::zeros({}, logits[0].options());
  for (const at::Tensor& log : logs) sum = sum + (log.exp() * (log - log_mean)).sum();
  return sum / double(logits.size());
}

at::Tensor stability(const at::Tensor& clean, const at::Tensor& distorted) {
  return -(at::softmax(clean, 1) * at::log_softmax(distorted, 1)).sum();
}

}  // namespace automask::methods
