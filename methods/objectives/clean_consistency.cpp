#include "methods/objectives/clean_consistency.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "core/error.h"
#include "methods/objectives/consistency.h"

namespace automask::methods {

torch::Tensor CleanConsistencyObjective::loss(models::Network& network, const Shown& part) {
  // Clean pictures answer like themselves.
  if (clean_set_ >= 0 && !part.rows.empty())
    throw core::Error(core::ExitCode::internal, "consistency", "was given several sets at once");
  if (part.set == clean_set_) return Objective::loss(network, part);
  const std::int64_t count = part.views[0].size(0);
  std::vector<torch::Tensor> logits;  // shown, clean
  if (clean_set_ < 0) {
    logits = answer(network, calibration(part), part).split(count);
  } else {
    const torch::Tensor clean = network.forward(part.views[1], clean_set_);
    logits = {network.forward(part.views[0], part.set), clean};  // last, as its gates are those recorded
  }
  return classification(logits[0], part) + jensen_shannon(logits) * (spec().consistency * part.weight / part.pictures);
}

torch::Tensor CleanConsistencyObjective::calibration(const Shown& part) const {
  return clean_set_ < 0 ? at::cat(part.views) : part.views[0];
}

void use_clean_consistency(Recipe& recipe, const MethodSpec& spec) {
  if (spec.consistency == 0) return;
  int clean_set = -1;
  if (recipe.own_sets) {
    const auto clean = std::find_if(recipe.conditions.begin(), recipe.conditions.end(),
                                    [](const corruptions::Condition& condition) { return condition.clean(); });
    if (clean == recipe.conditions.end())
      throw core::Error(core::ExitCode::steps_failed, "training " + spec.name,
                        "consistency compares with the answer to the clean picture, and no condition is clean",
                        "add \"clean\" to the conditions, or set consistency to 0");
    clean_set = static_cast<int>(clean - recipe.conditions.begin());
  }
  recipe.extra_views = {clean_view};
  recipe.objective = [clean_set](const TrainJob& job) {
    return std::make_unique<CleanConsistencyObjective>(job.spec, clean_set);
  };
}

}  // namespace automask::methods
