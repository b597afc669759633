// Augmentation, and channels pruned to the budget while training: the same ramp and views as automask, but one mask and
// one normalisation, so that a difference between the two is what conditions have for themselves.
#include "methods/masks/slimming.h"
#include "methods/recipes/recipes.h"

namespace automask::methods {

Recipe prune_recipe(const TrainJob& job) {
  Recipe recipe = augment_recipe(job);
  recipe.masked = true;
  use_slimming(recipe, job.spec);
  return recipe;
}

}  // namespace automask::methods
