#include "methods/objectives/objective.h"

#include <ATen/ATen.h>

namespace automask::methods {

namespace {

// The sum over pictures of [N] or of [N, classes], by their weights.
torch::Tensor weighted_sum(const torch::Tensor& of_pictures, const torch::Tensor& weights) {
  return ((of_pictures.dim() > 1 ? of_pictures.sum(1) : of_pictures) * weights).sum();
}

}  // namespace

torch::Tensor Objective::answer(models::Network& network, const torch::Tensor& view, const Shown& part) {
  return part.rows.empty() ? network.forward(view, part.set) : network.forward(view, part.rows);
}

torch::Tensor Objective::classification(const torch::Tensor& logits, const Shown& part) const {
  const torch::Tensor loss = cross_entropy(logits, part);
  return part.teacher.defined() ? loss + distillation(logits, part) : loss;
}

torch::Tensor Objective::cross_entropy(const torch::Tensor& logits, const Shown& part) const {
  const auto loss = [&](std::int64_t reduction) {
    return at::cross_entropy_loss(logits, part.labels, {}, reduction, -100, spec_.train.label_smoothing);
  };
  const torch::Tensor sum =
      part.row_weights.defined() ? weighted_sum(loss(at::Reduction::None), part.row_weights) : loss(at::Reduction::Sum);
  return sum * (part.weight / part.pictures);
}

torch::Tensor Objective::distillation(const torch::Tensor& logits, const Shown& part) const {
  const double t = spec_.distillation.temperature;
  const torch::Tensor wanted = at::log_softmax(part.teacher / t, 1), given = at::log_softmax(logits / t, 1);
  const torch::Tensor sum = part.row_weights.defined()
                                ? weighted_sum(at::kl_div(given, wanted, at::Reduction::None, true), part.row_weights)
                                : at::kl_div(given, wanted, at::Reduction::Sum, true);
  return sum * (spec_.distillation.weight * t * t * part.weight / part.pictures);
}

torch::Tensor Objective::calibration(const Shown& part) const { return part.views[0]; }

torch::Tensor Objective::loss(models::Network& network, const Shown& part) {
  return classification(answer(network, part.views[0], part), part);
}

torch::Tensor Objective::penalty(models::Network&, std::int64_t) { return {}; }

}  // namespace automask::methods
