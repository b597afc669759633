// The network as if bad pictures didn't exist: the lower reference.
#include "methods/recipes/recipes.h"

namespace automask::methods {

Recipe clean_recipe(const TrainJob&) {
  Recipe recipe;
  recipe.conditions = {corruptions::Condition()};
  return recipe;
}

}  // namespace automask::methods
