// The whole network with a normalisation per condition: what a budget costs is what automask has behind this.
#include "methods/recipes/recipes.h"

namespace automask::methods {

Recipe dense_bn_k_recipe(const TrainJob& job) {
  Recipe recipe = automask_recipe(job);
  recipe.masked = false;
  return recipe;
}

}  // namespace automask::methods
