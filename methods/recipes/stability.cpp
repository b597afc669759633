// Stability training: the class is learnt from the clean picture, and the answer to the same picture under a condition
// must be that to the clean one.
#include <ATen/ATen.h>

#include "methods/objectives/consistency.h"
#include "methods/objectives/objective.h"
#include "methods/recipes/recipes.h"

namespace automask::methods {
namespace {

class StabilityObjective : public Objective {
 public:
  using Objective::Objective;

  torch::Tensor loss(models::Network& network, const Shown& part) override {
    const std::vector<torch::Tensor> logits = answer(network, calibration(part), part).split(part.views[0].size(0));
    const torch::Tensor &distorted = logits[0], &clean = logits[1];
    const torch::Tensor sum = cross_entropy(clean, part) +
                              stability(clean, distorted) * (spec().stability_weight * part.weight / part.pictures);
    // The teacher answered the distorted picture.
    return part.teacher.defined() ? sum + distillation(distorted, part) : sum;
  }
  torch::Tensor calibration(const Shown& part) const override { return at::cat(part.views); }
};

}  // namespace

Recipe stability_recipe(const TrainJob& job) {
  Recipe recipe = augment_recipe(job);
  recipe.extra_views = {clean_view};
  recipe.objective = [](const TrainJob& of) { return std::make_unique<StabilityObjective>(of.spec); };
  return recipe;
}

}  // namespace automask::methods
