// separate: one pruned network for each condition, trained on that condition alone. Each sees its share of the views,
// so that all together cost the training of one; the bytes are the sum of all.
#include "methods/masks/package_bytes.h"
#include "methods/members.h"
#include "methods/recipes/recipes.h"

namespace automask::methods {

std::vector<models::Checkpoint> train_separate(const TrainJob& job) {
  std::vector<models::Checkpoint> members;
  const double share = 1.0 / static_cast<double>(job.conditions.size());
  for (std::size_t k = 0; k < job.conditions.size(); ++k)
    members.push_back(kept(job, "member-" + std::to_string(k), [&] {
      TrainJob member = member_job(job, k, share);
      member.spec.method = "prune";
      member.spec.normalisation = Normalisation::shared;
      if (job.spec.byte_budget > 0) member.spec.byte_budget = bytes_of_member(job.spec, job.conditions.size());
      return run(member, prune_recipe(member));
    }));
  return members;
}

}  // namespace automask::methods
