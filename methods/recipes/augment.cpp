// All conditions as augmentation: one network, one normalisation, each picture under a condition drawn at random.
#include "methods/objectives/clean_consistency.h"
#include "methods/recipes/recipes.h"

namespace automask::methods {

Recipe augment_recipe(const TrainJob& job) {
  Recipe recipe;
  recipe.conditions = job.conditions;
  use_clean_consistency(recipe, job.spec);
  return recipe;
}

}  // namespace automask::methods
