#include "methods/masks/consensus.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "methods/prerequisites.h"

namespace automask::methods {
namespace {

double validation_mean(const TrainJob& job, const models::Checkpoint& checkpoint) {
  const std::vector<double> weights = job.spec.weights_of(job.conditions);
  double mean = 0;
  for (std::size_t k = 0; k < weights.size(); ++k)
    mean += weights[k] * checkpoint.training.at("validation_top1").at(job.conditions[k].canonical()).get<double>();
  return mean;
}

}  // namespace

double chosen_consensus(const TrainJob& job, core::Json& record) {
  if (!job.validation || job.validation->size() == 0)
    throw core::Error(core::ExitCode::steps_failed, "training " + job.spec.name,
                      "consensus \"auto\" is chosen on validation pictures, and there are none",
                      "set the data set's \"validation\", or give consensus a number");
  record = {{"candidates", core::Json::array()}};
  double best = 0;
  for (const double candidate : consensus_candidates()) {
    const models::Checkpoint& tried = job.prerequisite(consensus_role(candidate));
    const double top1 = validation_mean(job, tried);
    record["candidates"].push_back(
        {{"consensus", candidate}, {"validation_top1", top1}, {"views", tried.training.at("views")}});
    best = std::max(best, top1);
  }
  const double error = std::sqrt(best * (100 - best) / static_cast<double>(job.validation->size()));  // in percent
  double chosen = 0;
  for (const core::Json& tried : record["candidates"])
    if (tried["validation_top1"].get<double>() >= best - error)
      chosen = std::max(chosen, tried["consensus"].get<double>());
  record.update({{"standard_error", error}, {"chosen", chosen}});
  return chosen;
}

}  // namespace automask::methods
