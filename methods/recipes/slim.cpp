// A narrower network from scratch: every channel group thinned alike before the first step, so that nothing is chosen.
// `normalisation: bn_k` gives conditions their own, as automask does.
#include "methods/masks/widths.h"
#include "methods/recipes/recipes.h"

namespace automask::methods {

Recipe slim_recipe(const TrainJob& job) {
  Recipe recipe = job.spec.normalisation == Normalisation::shared ? augment_recipe(job) : dense_bn_k_recipe(job);
  recipe.fixed_masks = {
      slim_mask(job.graph, graph::channel_groups(job.graph), job.spec.mac_budget, job.spec.lanes).mask};
  return recipe;
}

}  // namespace automask::methods
