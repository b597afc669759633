#include "methods/method.h"

#include <algorithm>

#include "core/error.h"
#include "hw_targets/package/package.h"
#include "methods/estimator.h"
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

// Views of validation pictures that tell how often the estimator is right, per condition.
constexpr std::size_t estimator_validation = 1000;

}  // namespace

const models::Checkpoint& TrainJob::prerequisite(const std::string& role) const {
  const auto found = prerequisites.find(role);
  if (found != prerequisites.end() && found->second) return *found->second;
  throw core::Error(core::ExitCode::internal, "training " + spec.name, "was started without its " + role);
}

void add_estimator(const TrainJob& job, models::Checkpoint& checkpoint) {
  if (!has_estimator(checkpoint.conditions.size(), *job.train)) return;
  if (job.progress) job.progress({0, 1, 0, 1, 0, "estimator"});
  StatisticsPlan plan;
  plan.pictures = job.train;
  for (const std::string& name : checkpoint.conditions) plan.conditions.push_back(corruptions::Condition::parse(name));
  plan.views = static_cast<std::size_t>(job.spec.estimator.pictures);
  plan.seed = job.seed;
  plan.threads = job.spec.train.threads;
  plan.stop_requested = job.stop_requested;
  const auto clean = std::find(checkpoint.conditions.begin(), checkpoint.conditions.end(), "clean");
  const int fallback =
      clean == checkpoint.conditions.end() ? 0 : static_cast<int>(clean - checkpoint.conditions.begin());
  const package::Estimator estimator =
      train_estimator(collect_statistics(plan), checkpoint.conditions.size(), job.spec.estimator, fallback, job.seed);
  checkpoint.estimator = package::to_json(estimator);
  if (job.validation == nullptr || job.validation->size() == 0) return;
  plan.pictures = job.validation;
  plan.split = "validation";
  plan.first_view = 0;
  plan.views = std::min(estimator_validation, job.validation->size());
  const std::vector<double> accuracy = estimator_accuracy(estimator, collect_statistics(plan));
  core::Json& record = checkpoint.training["validation_estimator"] = core::Json::object();
  for (std::size_t k = 0; k < accuracy.size(); ++k) record[checkpoint.conditions[k]] = accuracy[k];
}

models::Checkpoint train(const TrainJob& job) {
  for (const Method& method : methods) {
    if (job.spec.method != method.name) continue;
    if (job.spec.train.epochs == 0) return as_given(job);
    Recipe recipe = method.recipe(job);
    core::Json choice;
    if (!job.spec.consensus) recipe.consensus = chosen_consensus(job, choice);
    models::Checkpoint checkpoint = run(job, recipe);
    if (!choice.is_null()) checkpoint.training["log"]["consensus"] = choice;
    // Sets that are no conditions are the user's to select.
    if (recipe.set_names.empty()) add_estimator(job, checkpoint);
    return checkpoint;
  }
  throw core::Error(core::ExitCode::internal, "method " + job.spec.method, "is in the catalogue but not in the table");
}

}  // namespace automask::methods
