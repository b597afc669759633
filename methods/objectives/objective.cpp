#include "methods/objectives/objective.h"

#include <ATen/ATen.h>

namespace automask::methods {

torch::Tensor Objective::classification(const torch::Tensor& logits, const Shown& part) const {
  const torch::Tensor loss = cross_entropy(logits, part);
  return part.teacher.defined() ? loss + distillation(logits, part) : loss;
}

torch::Tensor Objective::cross_entropy(const torch::Tensor& logits, const Shown& part) const {
  return at::cross_entropy_loss(logits, part.labels, {}, at::Reduction::Sum, -100, spec_.train.label_smoothing) *
         (part.weight / part.pictures);
}

torch::Tensor Objective::distillation(const torch::Tensor& logits, const Shown& part) const {
  const double t = spec_.distillation.temperature;
  const torch::Tensor wanted = at::log_softmax(part.teacher / t, 1), given = at::log_softmax(logits / t, 1);
  return at::kl_div(given, wanted, at::Reduction::Sum, true) *
         (spec_.distillation.weight * t * t * part.weight / part.pictures);
}

torch::Tensor Objective::calibration(const Shown& part) const { return part.views[0]; }

torch::Tensor Objective::loss(models::Network& network, const Shown& part) {
  return classification(network.forward(part.views[0], part.set), part);
}

torch::Tensor Objective::penalty(models::Network&, std::int64_t) { return {}; }

}  // namespace automask::methods
