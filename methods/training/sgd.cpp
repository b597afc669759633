#include "methods/training/sgd.h"

#include <ATen/ATen.h>
#include <torch/utils.h>

#include <algorithm>

namespace automask::methods {

FlatSgd::FlatSgd(torch::nn::Module& module, double momentum, double weight_decay,
                 const std::function<bool(const std::string&)>& learns)
    : momentum_(momentum), weight_decay_(weight_decay) {
  const torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> parameters;
  for (auto& parameter : module.named_parameters()) {
    const bool open = !learns || learns(parameter.key());
    parameter.value().set_requires_grad(open);
    if (open) parameters.push_back(parameter.value());
  }
  std::stable_partition(parameters.begin(), parameters.end(), [](const torch::Tensor& p) { return p.dim() > 1; });
  const torch::TensorOptions on = parameters.empty() ? torch::TensorOptions() : parameters[0].options();
  std::int64_t count = 0;
  for (const torch::Tensor& p : parameters) {
    count += p.numel();
    if (p.dim() > 1) decayed_ += p.numel();
  }
  values_ = torch::zeros({count}, on);
  gradients_ = torch::zeros({count}, on);
  velocity_ = torch::zeros({count}, on);
  std::int64_t offset = 0;
  for (torch::Tensor& p : parameters) {
    // A convolution keeps its network's layout: channels-last values stand in that order.
    const bool channels_last = p.dim() == 4 && p.is_contiguous(torch::MemoryFormat::ChannelsLast);
    const auto view = [&](const torch::Tensor& flat) {
      const torch::Tensor part = flat.narrow(0, offset, p.numel());
      if (!channels_last) return part.view(p.sizes());
      return part.view({p.size(0), p.size(2), p.size(3), p.size(1)}).permute({0, 3, 1, 2});
    };
    view(values_).copy_(p);
    p.set_data(view(values_));
    p.mutable_grad() = view(gradients_);
    offset += p.numel();
  }
}

void FlatSgd::zero_gradients() { gradients_.zero_(); }

bool FlatSgd::finite() const { return values_.isfinite().all().item<bool>(); }

void FlatSgd::rest() { velocity_.zero_(); }

void FlatSgd::step(double learning_rate) {
  const torch::NoGradGuard no_grad;
  gradients_.narrow(0, 0, decayed_).add_(values_.narrow(0, 0, decayed_), weight_decay_);
  velocity_.mul_(momentum_).add_(gradients_);
  values_.add_(gradients_.add_(velocity_, momentum_), -learning_rate);
}

}  // namespace automask::methods
