#include "harness/steps/calibration.h"

#include <algorithm>

#include "core/parallel.h"
#include "corruptions/variant.h"
#include "harness/conditions.h"
#include "methods/training/feed.h"

namespace automask::harness::steps {

std::vector<compiler::CalibrationPictures> calibration_sets(const package::Package& package, std::size_t count,
                                                            const LoadPictures& load,
                                                            const std::vector<std::string>& conditions,
                                                            std::size_t wanted, std::uint64_t seed, int threads) {
  methods::FeedPlan plan;
  plan.batch = static_cast<int>(std::min(wanted, count));
  plan.seed = seed;
  std::vector<compiler::CalibrationPictures> sets;
  datasets::PictureSet pictures;  // the same under every condition
  for (const auto& condition : package.conditions) {
    plan.conditions.clear();
    if (serves_all(condition.name) || package.conditions.size() == 1) {
      for (const std::string& name : conditions) plan.conditions.push_back(corruptions::Condition::parse(name));
    } else {
      plan.conditions = {corruptions::Condition::parse(condition.name)};
    }
    const auto views = methods::views_of(plan, count, 0);
    if (pictures.size() == 0) {
      std::vector<std::uint32_t> chosen;
      for (const methods::View& view : views) chosen.push_back(view.picture);
      pictures = load(chosen);
    }
    compiler::CalibrationPictures set;
    set.count = static_cast<int>(views.size());
    set.pixels.resize(views.size() * pictures.picture_bytes());
    core::parallel_for(views.size(), threads, [&](std::size_t i) {
      corruptions::VariantOptions as_trained;
      as_trained.seed = plan.seed;
      as_trained.split = "train";
      as_trained.view = static_cast<std::uint32_t>(views[i].epoch + 1);
      const auto& shown = plan.conditions[static_cast<std::size_t>(views[i].condition)];
      corruptions::corrupt_picture(pictures, i, shown, as_trained, &set.pixels[i * pictures.picture_bytes()]);
    });
    sets.push_back(std::move(set));
  }
  return sets;
}

}  // namespace automask::harness::steps
