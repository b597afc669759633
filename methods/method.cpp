#include "methods/method.h"

#include "core/error.h"
#include "methods/best_sets.h"
#include "methods/deployed.h"
#include "methods/masks/consensus.h"
#include "methods/recipes/recipes.h"
#include "methods/training/initial.h"

namespace automask::methods {
namespace {

struct Method {
  const char* name;  // a MethodInfo's; a test holds both tables together
  Recipe (*recipe)(const TrainJob&);
};

constexpr Method methods[] = {
    {"clean", clean_recipe},           {"augment", augment_recipe},     {"prune", prune_recipe},
    {"automask", automask_recipe},     {"kill_test", kill_test_recipe}, {"slim", slim_recipe},
    {"dense_bn_k", dense_bn_k_recipe}, {"augmix", augmix_recipe},       {"stability", stability_recipe},
    {"denoise", denoise_recipe},       {"slimmable", slimmable_recipe},
};

}  // namespace

const models::Checkpoint& TrainJob::prerequisite(const std::string& role) const {
  const auto found = prerequisites.find(role);
  if (found != prerequisites.end() && found->second) return *found->second;
  throw core::Error(core::ExitCode::internal, "training " + spec.name, "was started without its " + role);
}

models::Checkpoint train(const TrainJob& job) {
  for (const Method& method : methods) {
    if (job.spec.method != method.name) continue;
    if (job.spec.train.epochs == 0) return as_given(job);
    check_others(job);
    core::Json choice;
    TrainJob decided = job;
    if (!job.spec.consensus) decided.spec.consensus = chosen_consensus(job, choice);
    const Recipe recipe = method.recipe(decided);
    models::Checkpoint checkpoint =
        job.spec.backbone == Backbone::deployed ? extended(job, method.recipe) : run(job, recipe);
    if (!choice.is_null()) checkpoint.training["log"]["consensus"] = choice;
    // Sets that are no conditions are the user's to select.
    if (recipe.set_names.empty()) add_estimator(job, checkpoint);
    return checkpoint;
  }
  throw core::Error(core::ExitCode::internal, "method " + job.spec.method, "is in the catalogue but not in the table");
}

}  // namespace automask::methods
