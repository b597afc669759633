// One shared network; each condition has a normalisation of its own and a mask that may deviate from the common one by
// as much as `consensus` < 1 lets it. Each step sees every condition.
#include <algorithm>

#include "core/error.h"
#include "methods/masks/slimming.h"
#include "methods/objectives/clean_consistency.h"
#include "methods/recipes/recipes.h"

namespace automask::methods {

namespace {

// Sets in no group come after the groups, each for itself.
std::vector<int> group_of_each(const TrainJob& job) {
  const auto& groups = job.spec.mask_groups;
  if (groups.empty()) return {};
  std::vector<int> of_set;
  int next = static_cast<int>(groups.size());
  for (const corruptions::Condition& condition : job.conditions) {
    const auto holds = [&](const auto& group) {
      return std::find(group.begin(), group.end(), condition.canonical()) != group.end();
    };
    const auto own = std::find_if(groups.begin(), groups.end(), holds);
    of_set.push_back(own == groups.end() ? next++ : static_cast<int>(own - groups.begin()));
  }
  if (job.spec.general_set) of_set.push_back(next);
  for (const auto& group : groups)
    for (const std::string& name : group)
      if (std::none_of(job.conditions.begin(), job.conditions.end(),
                       [&](const auto& condition) { return condition.canonical() == name; }))
        throw core::Error(core::ExitCode::steps_failed, "mask_groups of " + job.spec.name,
                          "\"" + name + "\" is no condition of the experiment", "remove it, or add the condition");
  return of_set;
}

// One mask for all, and nothing else of its own: sets would differ in nothing.
bool conditions_are_alike(const MethodSpec& spec) {
  return spec.consensus == 1 && spec.normalisation == Normalisation::shared && spec.stem == Stem::shared &&
         !spec.general_set;
}

}  // namespace

Recipe automask_recipe(const TrainJob& job) {
  if (conditions_are_alike(job.spec)) return prune_recipe(job);
  Recipe recipe;
  recipe.conditions = job.conditions;
  recipe.own_sets = true;
  recipe.shared_normalisation = job.spec.normalisation == Normalisation::shared;
  recipe.general_set = job.spec.general_set;
  recipe.masked = true;
  recipe.consensus = job.spec.consensus.value_or(1);
  recipe.mask_group = group_of_each(job);
  use_slimming(recipe, job.spec);
  use_clean_consistency(recipe, job.spec);
  return recipe;
}

}  // namespace automask::methods
