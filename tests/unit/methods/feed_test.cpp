#include "methods/training/feed.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <numeric>
#include <set>

#include "core/error.h"
#include "corruptions/variant.h"

namespace automask::methods {
namespace {

// Pictures whose bytes say which they are.
datasets::PictureSet numbered(int count) {
  datasets::PictureSet set;
  set.height = set.width = 8;
  set.channels = 1;
  for (int i = 0; i < count; ++i) {
    set.pixels.insert(set.pixels.end(), 64, static_cast<std::uint8_t>(i));
    set.labels.push_back(i);
    set.ids.push_back(1000 + i);
  }
  return set;
}

FeedPlan plan_of(const datasets::PictureSet& set, bool parts, std::vector<std::string> conditions, int batch = 10) {
  FeedPlan plan;
  plan.pictures = &set;
  for (const std::string& condition : conditions) plan.conditions.push_back(corruptions::Condition::parse(condition));
  plan.parts_by_condition = parts;
  plan.batch = batch;
  plan.seed = 5;
  return plan;
}

bool same(const Batch& a, const Batch& b) {
  return std::equal(a.parts.begin(), a.parts.end(), b.parts.begin(), b.parts.end(), [](const Part& x, const Part& y) {
    return x.set == y.set && x.pixels == y.pixels && x.labels == y.labels;
  });
}

TEST(EpochOrder, IsAPermutationOfItsOwnPerEpochAndSeed) {
  auto order = epoch_order(1, 0, 1000);
  EXPECT_NE(order, epoch_order(1, 1, 1000));
  EXPECT_NE(order, epoch_order(2, 0, 1000));
  EXPECT_EQ(order, epoch_order(1, 0, 1000));
  std::sort(order.begin(), order.end());
  std::vector<std::uint32_t> all(1000);
  std::iota(all.begin(), all.end(), 0U);
  EXPECT_EQ(order, all);
}

TEST(Feed, ShowsEachPictureOncePerEpochAcrossBatchBorders) {
  const auto set = numbered(25);
  for (const bool parts : {false, true}) {
    const FeedPlan plan = plan_of(set, parts, {"clean", "contrast:3"});
    std::map<std::int64_t, int> count;
    for (int step = 0; step < 5; ++step) {
      const Batch batch = make_batch(plan, step);
      EXPECT_EQ(batch.pictures(), 10U);
      for (const Part& part : batch.parts)
        for (const std::int64_t label : part.labels) ++count[label];
    }
    for (int i = 0; i < 25; ++i) EXPECT_EQ(count[i], 2) << "two epochs are 5 batches";
  }
}

TEST(Feed, DoesNotDependOnWorkersOrStart) {
  const auto set = numbered(40);
  const FeedPlan plan = plan_of(set, true, {"clean", "gaussian_noise:3", "gaussian_noise:2 > jpeg:q30"});
  FeedPlan uneven = plan;
  uneven.part_shares = {0.5, 0.25, 0.25};
  for (const FeedPlan& one : {plan, uneven}) {
    for (const int workers : {1, 3}) {
      Feed feed(one, 4, 20, workers);
      for (int step = 4; step < 20; ++step) ASSERT_TRUE(same(feed.next(), make_batch(one, step))) << step;
    }
  }
}

TEST(Feed, PartsAreOfEqualSizeAndHoldTheirCondition) {
  const auto set = numbered(50);
  const FeedPlan plan = plan_of(set, true, {"clean", "gaussian_noise:3", "brightness:2"}, 10);
  std::vector<std::size_t> total(3);
  for (int step = 0; step < 30; ++step) {
    const Batch batch = make_batch(plan, step);
    ASSERT_EQ(batch.parts.size(), 3U);
    for (std::size_t k = 0; k < 3; ++k) {
      const Part& part = batch.parts[k];
      EXPECT_EQ(part.set, static_cast<int>(k));
      EXPECT_GE(part.labels.size(), 3U);
      EXPECT_LE(part.labels.size(), 4U);
      total[k] += part.labels.size();
      for (std::size_t i = 0; i < part.labels.size(); ++i) {
        std::vector<std::uint8_t> expected(64);
        corruptions::VariantOptions options;
        options.seed = 5;
        options.split = "train";
        options.view = static_cast<std::uint32_t>(step * 10 / 50 + 1);
        corruptions::corrupt_picture(set, part.labels[i], plan.conditions[k], options, expected.data());
        EXPECT_TRUE(std::equal(expected.begin(), expected.end(), part.pixels.begin() + i * 64));
      }
    }
  }
  EXPECT_EQ(total, (std::vector<std::size_t>{100, 100, 100}));
}

TEST(Feed, PartsHaveTheSharesThatAreAskedFor) {
  const auto set = numbered(200);
  FeedPlan plan = plan_of(set, true, {"clean", "gaussian_noise:3"}, 40);
  plan.mixed_part = true;
  plan.part_shares = {0.65, 0.25, 0.1};
  std::vector<std::size_t> total(3);
  for (int step = 0; step < 50; ++step)
    for (const Part& part : make_batch(plan, step).parts) {
      const auto k = static_cast<std::size_t>(part.set);
      EXPECT_NEAR(static_cast<double>(part.labels.size()), 40 * plan.part_shares[k], 2);
      total[k] += part.labels.size();
    }
  for (std::size_t k = 0; k < 3; ++k) EXPECT_NEAR(static_cast<double>(total[k]), 2000 * plan.part_shares[k], 3);
  EXPECT_EQ(total[0] + total[1] + total[2], 2000U);
}

TEST(Feed, RareConditionsAreShownHalfOfAnEvenShare) {
  const std::vector<double> weights = {0.7, 0.1, 0.05, 0.1, 0.05}, shares = shares_of_views(weights);
  EXPECT_NEAR(std::accumulate(shares.begin(), shares.end(), 0.0), 1, 1e-12);
  for (std::size_t k = 0; k < 5; ++k) EXPECT_NEAR(shares[k], std::max(weights[k], 0.1) / 1.1, 1e-12);
  EXPECT_EQ(shares_of_views({0.25, 0.25, 0.25, 0.25}), std::vector<double>(4, 0.25));
}

// Each has a batch of its own: more workers than a few are no help otherwise.
TEST(Feed, AllWorkersWork) {
  struct Meeting : datasets::PictureReader {
    void read(std::size_t, std::uint8_t* pixels) const override {
      std::fill_n(pixels, 64, std::uint8_t{0});
      std::unique_lock lock(mutex);
      ++inside;
      most = std::max(most, inside);
      met.notify_all();
      met.wait_for(lock, std::chrono::seconds(20), [&] { return most >= 9; });
      --inside;
    }
    mutable std::mutex mutex;
    mutable std::condition_variable met;
    mutable int inside = 0, most = 0;
  };
  datasets::PictureSet set = numbered(40);
  set.pixels.clear();
  const auto meeting = std::make_shared<const Meeting>();
  set.reader = meeting;
  Feed feed(plan_of(set, true, {"clean"}), 0, 20, 9);
  feed.next();
  EXPECT_EQ(meeting->most, 9);
}

TEST(Feed, MixedBatchesDrawEveryCondition) {
  const auto set = numbered(200);
  const FeedPlan plan = plan_of(set, false, {"clean", "gaussian_noise:5"}, 200);
  const Batch batch = make_batch(plan, 0);
  ASSERT_EQ(batch.parts.size(), 1U);
  int clean = 0;
  for (std::size_t i = 0; i < 200; ++i) {
    const auto* pixels = &batch.parts[0].pixels[i * 64];
    clean += std::all_of(pixels, pixels + 64, [&](std::uint8_t p) { return p == batch.parts[0].labels[i]; });
  }
  EXPECT_GT(clean, 60);
  EXPECT_LT(clean, 140);
}

// One part more, as large as the others, whose pictures have conditions drawn at random.
TEST(Feed, AMixedPartStandsBehindTheConditions) {
  const auto set = numbered(50);
  FeedPlan plan = plan_of(set, true, {"clean", "gaussian_noise:3", "brightness:2"}, 40);
  plan.mixed_part = true;
  plan.frequencies = {0.5, 0.5, 0};
  std::vector<int> drawn(3);
  for (int step = 0; step < 20; ++step) {
    const Batch batch = make_batch(plan, step);
    ASSERT_EQ(batch.parts.size(), 4U);
    EXPECT_EQ(batch.pictures(), 40U);
    for (std::size_t k = 0; k < 4; ++k) {
      const Part& part = batch.parts[k];
      EXPECT_EQ(part.set, static_cast<int>(k));
      EXPECT_EQ(part.labels.size(), 10U);
      for (std::size_t i = 0; i < part.labels.size(); ++i) {
        if (k < 3) EXPECT_EQ(part.shown[i], static_cast<int>(k));
        if (k == 3) ++drawn[static_cast<std::size_t>(part.shown[i])];
      }
    }
  }
  EXPECT_GT(drawn[0], 60);
  EXPECT_GT(drawn[1], 60);
  EXPECT_EQ(drawn[2], 0) << "by their frequencies";
}

TEST(Feed, NoiseIsFreshInEachEpoch) {
  const auto set = numbered(10);
  const FeedPlan plan = plan_of(set, false, {"gaussian_noise:3"});
  std::map<std::int64_t, std::set<std::vector<std::uint8_t>>> seen;
  for (int epoch = 0; epoch < 3; ++epoch) {
    const Batch batch = make_batch(plan, epoch);
    for (std::size_t i = 0; i < 10; ++i)
      seen[batch.parts[0].labels[i]].insert(
          {batch.parts[0].pixels.begin() + i * 64, batch.parts[0].pixels.begin() + (i + 1) * 64});
  }
  for (const auto& [label, pictures] : seen) EXPECT_EQ(pictures.size(), 3U) << label;
}

TEST(Feed, SmallBatchesLeaveNoEmptyPart) {
  const auto set = numbered(7);
  const FeedPlan plan = plan_of(set, true, {"clean", "brightness:1", "contrast:1"}, 2);
  for (int step = 0; step < 10; ++step) {
    const Batch batch = make_batch(plan, step);
    EXPECT_EQ(batch.parts.size(), 2U);
    EXPECT_EQ(batch.pictures(), 2U);
  }
}

TEST(Feed, StopsEarlyWithoutHanging) {
  const auto set = numbered(30);
  Feed feed(plan_of(set, false, {"gaussian_noise:3"}), 0, 1000000, 3);
  feed.next();
}

}  // namespace
}  // namespace automask::methods
