#include "methods/method.h"

#include "core/error.h"
#include "methods/recipes.h"

namespace automask::methods {
namespace {

struct Method {
  const char* name;  // a MethodInfo's; a test holds both tables together
  Recipe (*recipe)(const TrainJob&);
};

constexpr Method methods[] = {
    {"clean", clean_recipe},
    {"augment", augment_recipe},
    {"prune", prune_recipe},
    {"automask", automask_recipe},
};

}  // namespace

models::Checkpoint train(const TrainJob& job) {
  for (const Method& method : methods)
    if (job.spec.method == method.name) return run(job, method.recipe(job));
  throw core::Error(core::ExitCode::internal, "method " + job.spec.method, "is in the catalogue but not in the table");
}

}  // namespace automask::methods
