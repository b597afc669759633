// What a training of several sets ends with: an estimator that picks one of them for each picture.
#include <algorithm>
#include <cmath>

#include "hw_targets/package/package.h"
#include "methods/best_sets.h"
#include "methods/estimator.h"
#include "methods/method.h"

namespace automask::methods {
namespace {

// Views of validation pictures that tell how often the estimator is right, per condition.
constexpr std::size_t estimator_validation = 1000;

// Of conditions that the network was not trained on: a set's share falls by e for each half a point of accuracy that it
// has less than the best, and a view counts for 0.3 of a trained condition's. With less the estimator hardly learns
// them, with more it is less often right on the trained ones (both by others left out, on validation pictures of
// CIFAR-10).
constexpr double points_of_e = 0.5, weight_of_others = 0.3;

Aim aim_of(const BestSet& other) {
  Aim aim{{}, weight_of_others};
  double sum = 0;
  for (const double top1 : other.top1) sum += std::exp((top1 - other.top1[std::size_t(other.set)]) / points_of_e);
  for (const double top1 : other.top1)
    aim.shares.push_back(std::exp((top1 - other.top1[std::size_t(other.set)]) / points_of_e) / sum);
  return aim;
}

// Adds views of them, of all together as many as of all trained conditions; what these shall be taken for.
std::vector<Aim> show_others(StatisticsPlan plan, const std::vector<BestSet>& others, std::size_t sets,
                             StatisticsSet& set) {
  std::vector<Aim> aims;
  if (others.empty()) return aims;
  plan.views = std::max<std::size_t>(plan.views * plan.conditions.size() / others.size(), 1);
  plan.conditions.clear();
  for (const BestSet& other : others) {
    plan.conditions.push_back(other.condition);
    aims.push_back(aim_of(other));
  }
  StatisticsSet more = collect_statistics(plan);
  for (std::size_t i = 0; i < more.labels.size(); ++i) {
    set.statistics.push_back(std::move(more.statistics[i]));
    set.labels.push_back(static_cast<int>(sets) + more.labels[i]);
  }
  return aims;
}

// Where scores are close: the general set, else clean, else the first.
int fallback_of(const std::vector<std::string>& sets) {
  for (const char* name : {"*", "clean"})
    if (const auto found = std::find(sets.begin(), sets.end(), name); found != sets.end())
      return static_cast<int>(found - sets.begin());
  return 0;
}

}  // namespace

void add_estimator(const TrainJob& job, models::Checkpoint& checkpoint) {
  if (!has_estimator(checkpoint.conditions.size(), *job.train)) return;
  if (job.progress) job.progress({0, 1, 0, 1, 0, "estimator"});
  const bool general = checkpoint.conditions.back() == "*";
  StatisticsPlan plan;
  plan.pictures = job.train;
  for (std::size_t k = 0; k + (general ? 1 : 0) < checkpoint.conditions.size(); ++k)
    plan.conditions.push_back(corruptions::Condition::parse(checkpoint.conditions[k]));
  plan.views = static_cast<std::size_t>(job.spec.estimator.pictures);
  plan.seed = job.seed;
  plan.threads = job.spec.train.threads;
  plan.stop_requested = job.stop_requested;
  const std::size_t sets = checkpoint.conditions.size();
  const std::vector<BestSet> others = best_sets(job, checkpoint);
  StatisticsSet set = collect_statistics(plan);
  const std::vector<Aim> aims = show_others(plan, others, sets, set);
  const package::Estimator estimator =
      train_estimator(set, sets, job.spec.estimator, fallback_of(checkpoint.conditions), job.seed, aims);
  for (const BestSet& other : others)
    checkpoint.training["others"][other.condition.canonical()] = {
        {"top1", other.top1}, {"set", checkpoint.conditions[static_cast<std::size_t>(other.set)]}};
  checkpoint.estimator = package::to_json(estimator);
  if (job.validation == nullptr || job.validation->size() == 0) return;
  plan.pictures = job.validation;
  plan.split = "validation";
  plan.first_view = 0;
  plan.views = std::min(estimator_validation, job.validation->size());
  const std::vector<double> accuracy = estimator_accuracy(estimator, collect_statistics(plan));
  core::Json& record = checkpoint.training["validation_estimator"] = core::Json::object();
  for (std::size_t k = 0; k < plan.conditions.size(); ++k) record[checkpoint.conditions[k]] = accuracy[k];
}

}  // namespace automask::methods
