// Prune plus a normalisation per condition: automask in everything but masks that differ. What automask's masks are
// worth is what it has ahead of this.
#include "methods/recipes/recipes.h"

namespace automask::methods {

Recipe kill_test_recipe(const TrainJob& job) {
  Recipe recipe = automask_recipe(job);
  recipe.consensus = 1;  // the mean score ranks for all
  return recipe;
}

}  // namespace automask::methods
