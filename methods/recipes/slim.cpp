// A narrower network from scratch: every channel group thinned alike before the first step, so that nothing is chosen.
// `normalisation: bn_k` gives conditions their own, as automask does.
#include "methods/recipes/recipes.h"

namespace automask::methods {

Recipe slim_recipe(const TrainJob& job) {
  Recipe recipe = job.spec.normalisation == Normalisation::shared ? augment_recipe(job) : dense_bn_k_recipe(job);
  recipe.even = true;
  return recipe;
}

}  // namespace automask::methods
