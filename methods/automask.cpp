// One shared network; each condition has a normalisation of its own and a mask that may deviate from the common one by
// as much as `consensus` < 1 lets it. Each step sees every condition.
#include "methods/recipes.h"
#include "methods/slimming.h"

namespace automask::methods {

Recipe automask_recipe(const TrainJob& job) {
  Recipe recipe;
  recipe.conditions = job.conditions;
  recipe.own_sets = true;
  recipe.shared_normalisation = job.spec.normalisation == Normalisation::shared;
  recipe.masked = true;
  recipe.consensus = job.spec.consensus.value_or(1);
  use_slimming(recipe, job.spec);
  return recipe;
}

}  // namespace automask::methods
