// Pictures mirrored and moved before their condition, and what the feed makes of them.
#include "methods/training/augmentation.h"

#include <gtest/gtest.h>

#include <map>

#include "corruptions/variant.h"
#include "methods/training/feed.h"

namespace automask::methods {
namespace {

// Two pictures of 3 rows and 4 columns with 3 channels; each byte tells its place.
datasets::PictureSet pictures() {
  datasets::PictureSet set;
  set.height = 3;
  set.width = 4;
  set.channels = 3;
  for (int i = 0; i < 2; ++i) {
    for (int y = 0; y < 3; ++y)
      for (int x = 0; x < 4; ++x)
        for (int c = 0; c < 3; ++c) set.pixels.push_back(static_cast<std::uint8_t>(100 * i + 30 * y + 4 * x + c));
    set.labels.push_back(i);
    set.ids.push_back(70 + i);
  }
  return set;
}

std::vector<std::uint8_t> bytes_of(const datasets::PictureSet& set, std::uint32_t i) {
  const auto picture = set.picture(i);
  return {picture.begin(), picture.end()};
}

TEST(Augmentation, OfNothingChangesNothing) {
  const auto set = pictures();
  EXPECT_TRUE(Augmentation().none());
  EXPECT_EQ(augmented(set, 1, {}, 5, 1), bytes_of(set, 1));
}

TEST(Augmentation, MirrorsAsOftenAsAsked) {
  const auto set = pictures();
  const auto whole = bytes_of(set, 0);
  std::vector<std::uint8_t> mirrored;
  for (int y = 0; y < 3; ++y)
    for (int x = 3; x >= 0; --x)
      for (int c = 0; c < 3; ++c) mirrored.push_back(whole[static_cast<std::size_t>((y * 4 + x) * 3 + c)]);
  EXPECT_EQ(augmented(set, 0, {1, 0}, 5, 1), mirrored);
  int count = 0;
  for (std::uint32_t view = 0; view < 1000; ++view) {
    const auto one = augmented(set, 0, {0.25, 0}, 5, view);
    EXPECT_TRUE(one == mirrored || one == whole);
    count += one == mirrored;
  }
  EXPECT_NEAR(count, 250, 60);  // more than four standard deviations
}

TEST(Augmentation, MovesEvenlyAndMirrorsAtTheEdge) {
  const auto set = pictures();
  // By hand: rows and columns that stand at -1, 0, ... of the moved picture.
  const auto row = [](int y) { return std::array{1, 0, 1, 2, 1}[static_cast<std::size_t>(y + 1)]; };
  const auto column = [](int x) { return std::array{1, 0, 1, 2, 3, 2}[static_cast<std::size_t>(x + 1)]; };
  std::map<std::vector<std::uint8_t>, int> seen;
  for (int down = -1; down <= 1; ++down)
    for (int right = -1; right <= 1; ++right) {
      std::vector<std::uint8_t> moved;
      for (int y = 0; y < 3; ++y)
        for (int x = 0; x < 4; ++x)
          for (int c = 0; c < 3; ++c)
            moved.push_back(static_cast<std::uint8_t>(30 * row(y + down) + 4 * column(x + right) + c));
      seen[moved] = 0;
    }
  ASSERT_EQ(seen.size(), 9U);
  for (std::uint32_t view = 0; view < 1800; ++view) {
    const auto found = seen.find(augmented(set, 0, {0, 1}, 5, view));
    ASSERT_NE(found, seen.end());
    ++found->second;
  }
  for (const auto& [bytes, count] : seen) EXPECT_NEAR(count, 200, 60);
}

TEST(Augmentation, IsAFunctionOfSeedPictureAndView) {
  const auto set = pictures();
  const Augmentation both{0.5, 2};
  std::map<std::vector<std::uint8_t>, int> by_seed, by_view;
  for (std::uint32_t i = 0; i < 50; ++i) {
    EXPECT_EQ(augmented(set, 0, both, 5, i), augmented(set, 0, both, 5, i));
    ++by_view[augmented(set, 0, both, 5, i)];
    ++by_seed[augmented(set, 0, both, i, 1)];
  }
  EXPECT_GT(by_view.size(), 15U);
  EXPECT_GT(by_seed.size(), 15U);
}

TEST(Augmentation, TheConditionComesAfterItAndFurtherViewsSeeTheSame) {
  const auto set = pictures();
  FeedPlan plan;
  plan.pictures = &set;
  plan.conditions = {corruptions::Condition::parse("gaussian_noise:3")};
  plan.batch = 2;
  plan.seed = 5;
  plan.augmentation = {0.5, 1};
  plan.extra_views = {clean_view};
  int changed = 0;
  for (int step = 0; step < 10; ++step) {
    const Batch batch = make_batch(plan, step);
    const Part& part = batch.parts.at(0);
    corruptions::VariantOptions options;
    options.seed = 5;
    options.split = "train";
    options.view = static_cast<std::uint32_t>(step + 1);
    for (std::size_t i = 0; i < 2; ++i) {
      const auto index = static_cast<std::uint32_t>(part.labels[i]);
      const auto before = augmented(set, index, plan.augmentation, 5, options.view);
      changed += before != bytes_of(set, index);
      std::vector<std::uint8_t> after(before.size());
      corruptions::corrupt_pixels(set, index, before.data(), plan.conditions[0], options, after.data());
      const auto at = [&](const std::vector<std::uint8_t>& pixels) {
        const auto begin = pixels.begin() + static_cast<std::ptrdiff_t>(i * set.picture_bytes());
        return std::vector<std::uint8_t>(begin, begin + static_cast<std::ptrdiff_t>(set.picture_bytes()));
      };
      EXPECT_EQ(at(part.pixels), after);
      EXPECT_EQ(at(part.extra[0]), before);
    }
  }
  EXPECT_GT(changed, 10);
}

}  // namespace
}  // namespace automask::methods
