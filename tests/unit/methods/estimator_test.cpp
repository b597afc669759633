// The estimator's training on real pictures: Fashion-MNIST (Debian's dataset-fashion-mnist).
#include "methods/estimator.h"

#include <gtest/gtest.h>

#include <numeric>

#include "tests/unit/core/throws.h"
#include "tests/unit/methods/fashion.h"

namespace automask::methods {
namespace {

using automask::testing::error_of;

const datasets::PictureSet& pictures(datasets::Split split) { return automask::testing::fashion<1500>(split); }

StatisticsPlan plan_of(const std::vector<std::string>& conditions, datasets::Split split, std::size_t views) {
  StatisticsPlan plan;
  plan.pictures = &pictures(split);
  for (const std::string& name : conditions) plan.conditions.push_back(corruptions::Condition::parse(name));
  plan.views = views;
  plan.split = split == datasets::Split::train ? "train" : "test";
  plan.first_view = split == datasets::Split::train ? 1 : 0;
  plan.seed = 5;
  plan.threads = 2;
  return plan;
}

const std::vector<std::string> conditions = {"clean", "gaussian_noise:3", "jpeg:q20", "defocus_blur:2", "low_light:3"};

TEST(Estimator, TellsConditionsOfUnseenPicturesApart) {
  const auto train = collect_statistics(plan_of(conditions, datasets::Split::train, 1500));
  const auto test = collect_statistics(plan_of(conditions, datasets::Split::test, 500));
  const package::Estimator estimator = train_estimator(train, conditions.size(), {}, 0, 1);
  const std::vector<double> percent = estimator_accuracy(estimator, test);
  ASSERT_EQ(percent.size(), conditions.size());
  for (std::size_t k = 0; k < percent.size(); ++k) EXPECT_GT(percent[k], 92) << conditions[k];
  EXPECT_GT(std::accumulate(percent.begin(), percent.end(), 0.0) / 5, 97);
}

TEST(Estimator, TheSameSeedGivesTheSameIntegers) {
  auto plan = plan_of(conditions, datasets::Split::train, 100);
  EstimatorOptions options;
  options.epochs = 3;
  const auto set = collect_statistics(plan);
  const package::Estimator first = train_estimator(set, conditions.size(), options, 0, 1);
  plan.threads = 1;
  const auto again = collect_statistics(plan);
  EXPECT_EQ(again.statistics, set.statistics) << "whatever the threads";
  EXPECT_EQ(train_estimator(again, conditions.size(), options, 0, 1), first);
  EXPECT_FALSE(train_estimator(set, conditions.size(), options, 0, 2) == first);
}

// A view of another condition is worth its shares and its weight; one that is wholly a set's is that set's view.
TEST(Estimator, LearnsWhichSetOtherPicturesAreFor) {
  auto set = collect_statistics(plan_of(conditions, datasets::Split::train, 300));
  EstimatorOptions options;
  options.epochs = 5;
  const package::Estimator plain = train_estimator(set, conditions.size(), options, 0, 1);
  auto renamed = set;
  for (int& label : renamed.labels)
    if (label == 2) label = static_cast<int>(conditions.size());
  EXPECT_EQ(train_estimator(renamed, conditions.size(), options, 0, 1, {{{0, 0, 1, 0, 0}, 1}}), plain);
  EXPECT_FALSE(train_estimator(renamed, conditions.size(), options, 0, 1, {{{0, 0, 1, 0, 0}, 0.5}}) == plain);

  // Bright pictures, which no condition is like, are to go to either of the first two.
  const auto bright = collect_statistics(plan_of({"brightness:5"}, datasets::Split::train, 300));
  for (const auto& row : bright.statistics) {
    set.statistics.push_back(row);
    set.labels.push_back(static_cast<int>(conditions.size()));
  }
  const package::Estimator estimator =
      train_estimator(set, conditions.size(), options, 0, 1, {{{0.5, 0.5, 0, 0, 0}, 1}});
  const auto test = collect_statistics(plan_of({"brightness:5"}, datasets::Split::test, 200));
  int right = 0;
  for (const auto& row : test.statistics)
    right += package::decide(estimator, package::estimator_scores(estimator, row)).condition < 2;
  EXPECT_GT(right, 190);
}

TEST(Estimator, ViewsBeyondTheSetAreNewOnes) {
  auto plan = plan_of({"clean", "gaussian_noise:3"}, datasets::Split::test, 1000);
  const auto set = collect_statistics(plan);
  ASSERT_EQ(set.statistics.size(), 2000u);
  EXPECT_EQ(set.labels[0], 0);
  EXPECT_EQ(set.labels[1], 1);
  EXPECT_EQ(set.statistics[1000], set.statistics[0]) << "the same clean picture";
  EXPECT_NE(set.statistics[1001], set.statistics[1]) << "under fresh noise";
}

TEST(Estimator, ItsMarginSendsCloseCallsToTheFallback) {
  const auto set = collect_statistics(plan_of({"gaussian_noise:2", "clean"}, datasets::Split::train, 200));
  EstimatorOptions options;
  options.margin = 1000;
  const package::Estimator estimator = train_estimator(set, 2, options, 1, 1);
  EXPECT_EQ(estimator.fallback, 1);
  EXPECT_EQ(estimator.margin, 2 * package::most_output) << "no lead is so large";
  EXPECT_EQ(estimator_accuracy(estimator, set), (std::vector<double>{0, 100}));
  options.margin = 0;
  EXPECT_EQ(train_estimator(set, 2, options, 1, 1).margin, 0);
}

TEST(Estimator, StopsWhenAsked) {
  auto plan = plan_of(conditions, datasets::Split::train, 100);
  int asked = 0;
  plan.threads = 1;
  plan.stop_requested = [&] { return ++asked > 10; };
  EXPECT_EQ(error_of([&] { collect_statistics(plan); }).code(), core::ExitCode::interrupted);
  EXPECT_EQ(asked, 11);
}

}  // namespace
}  // namespace automask::methods
