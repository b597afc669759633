#pragma once
// Trains the estimator of a package: statistics of training pictures under each condition, a small MLP in double, then
// its integer form (hw_targets/package/estimator.h). Seconds of work, the same bits whatever the threads. No LibTorch.
#include <cstdint>
#include <functional>
#include <vector>

#include "corruptions/condition.h"
#include "datasets/picture_set.h"
#include "hw_targets/package/estimator.h"
#include "methods/catalogue.h"

namespace automask::methods {

// Statistics of pictures under conditions; label: the condition's index in the plan.
struct StatisticsSet {
  std::vector<std::vector<std::int32_t>> statistics;
  std::vector<int> labels;
};

// Whether a training with so many sets of normalisation and mask ends with an estimator: there is something to pick,
// and its statistics are defined for the pictures.
inline bool has_estimator(std::size_t sets, const datasets::PictureSet& pictures) {
  return sets > 1 && (pictures.channels == 1 || pictures.channels == 3);
}

struct StatisticsPlan {
  const datasets::PictureSet* pictures = nullptr;  // of 1 or 3 channels
  std::vector<corruptions::Condition> conditions;
  // Views per condition: each picture of the set once as view `first_view`, in an order drawn from the seed, then again
  // as the next view.
  std::size_t views = 0;
  std::uint32_t first_view = 1;  // 0 is the written variant
  std::string split = "train";   // part of the corruptions' random key
  std::uint64_t seed = 0;
  int threads = 1;
  std::function<bool()> stop_requested;  // may be empty; true: Error(interrupted)
};
StatisticsSet collect_statistics(const StatisticsPlan& plan);

// What a view of no trained condition shall be taken for: the share of each set, which sum to 1, and how much it
// counts.
struct Aim {
  std::vector<double> shares;
  double weight = 1;
};

// Two sets at least. A view's label is the index of its set; or that of an entry of `others`, counted on from the sets.
// `fallback`: index of the set to take where scores are close.
package::Estimator train_estimator(const StatisticsSet& set, std::size_t sets, const EstimatorOptions& options,
                                   int fallback, std::uint64_t seed, const std::vector<Aim>& others = {});

// Share of a condition's views in percent for which the estimator picks it; per condition.
std::vector<double> estimator_accuracy(const package::Estimator& estimator, const StatisticsSet& set);

}  // namespace automask::methods
