#include "methods/best_sets.h"

#include <ATen/Parallel.h>

#include <algorithm>

#include "core/error.h"
#include "corruptions/variant.h"
#include "methods/evaluate.h"

namespace automask::methods {
namespace {

// Sets are compared on the same pictures: of so many a difference of a point is seen.
constexpr std::size_t most_pictures = 2000;

}  // namespace

void check_others(const TrainJob& job) {
  for (const std::string& name : job.spec.estimator.others)
    for (const corruptions::Condition& condition : job.conditions)
      if (condition.canonical() == name)
        throw core::Error(core::ExitCode::steps_failed, "estimator of " + job.spec.name,
                          "\"" + name + "\" is among the others, but has a set of its own",
                          "remove it from \"others\"");
}

std::vector<BestSet> best_sets(const TrainJob& job, const models::Checkpoint& checkpoint) {
  std::vector<BestSet> all;
  if (job.spec.estimator.others.empty()) return all;
  const bool held_out = job.validation != nullptr && job.validation->size() > 0;
  const datasets::PictureSet pictures = datasets::spread(held_out ? *job.validation : *job.train, most_pictures);
  at::set_num_threads(job.spec.train.threads);
  models::Network network(checkpoint);
  for (const std::string& name : job.spec.estimator.others) {
    if (job.progress)
      job.progress({static_cast<std::int64_t>(all.size()), static_cast<std::int64_t>(job.spec.estimator.others.size()),
                    0, 1, 0, "sets for others"});
    if (job.stop_requested && job.stop_requested())
      throw core::Error(core::ExitCode::interrupted, "the estimator's training", "was stopped",
                        "run again to continue from there");
    BestSet best{corruptions::Condition::parse(name), {}, 0};
    const auto shown = validation_pictures(pictures, best.condition, job.seed, job.spec.train.threads);
    for (int k = 0; k < network.conditions(); ++k) {
      best.top1.push_back(top1(network, shown, checkpoint.input, k));
      if (best.top1.back() >= best.top1[static_cast<std::size_t>(best.set)]) best.set = k;
    }
    all.push_back(std::move(best));
  }
  return all;
}

}  // namespace automask::methods
