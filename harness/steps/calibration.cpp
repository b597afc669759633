#include "harness/steps/calibration.h"

#include <algorithm>

#include "methods/feed.h"

namespace automask::harness::steps {

std::vector<compiler::CalibrationPictures> calibration_sets(const package::Package& package,
                                                            const datasets::PictureSet& train,
                                                            const std::vector<std::string>& conditions,
                                                            std::size_t wanted, std::uint64_t seed) {
  methods::FeedPlan plan;
  plan.pictures = &train;
  plan.batch = static_cast<int>(std::min(wanted, train.size()));
  plan.seed = seed;
  const bool one_for_all = package.conditions.size() == 1;
  std::vector<compiler::CalibrationPictures> sets;
  for (const auto& condition : package.conditions) {
    plan.conditions.clear();
    if (one_for_all) {
      for (const std::string& name : conditions) plan.conditions.push_back(corruptions::Condition::parse(name));
    } else {
      plan.conditions = {corruptions::Condition::parse(condition.name)};
    }
    methods::Batch batch = methods::make_batch(plan, 0);
    sets.push_back({std::move(batch.parts.front().pixels), static_cast<int>(batch.parts.front().labels.size())});
  }
  return sets;
}

}  // namespace automask::harness::steps
