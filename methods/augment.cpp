// All conditions as augmentation: one network, one normalisation, each picture under a condition drawn at random.
#include "methods/recipes.h"

namespace automask::methods {

Recipe augment_recipe(const TrainJob& job) {
  Recipe recipe;
  recipe.conditions = job.conditions;
  return recipe;
}

}  // namespace automask::methods
