#include "methods/masks/slimming.h"

#include "methods/masks/filter_scores.h"
#include "methods/training/schedule.h"

namespace automask::methods {

torch::Tensor SlimmingObjective::loss(models::Network& network, const Shown& part) {
  steps_ = part.steps;
  return Objective::loss(network, part);
}

torch::Tensor SlimmingObjective::penalty(models::Network& network, std::int64_t step) {
  if (step >= freeze_step(steps_, spec().freeze_at)) return {};
  return slimming_penalty(network) * spec().slimming_penalty;
}

void use_slimming(Recipe& recipe, const MethodSpec& spec) {
  if (spec.scorer == "slimming")
    recipe.objective = [](const TrainJob& job) { return std::make_unique<SlimmingObjective>(job.spec); };
}

}  // namespace automask::methods
