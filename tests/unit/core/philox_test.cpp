#include "core/philox.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <vector>

namespace automask::core {
namespace {

using Block = std::array<std::uint32_t, 4>;

// Published known answers: Random123, tests/kat_vectors, "philox4x32 10".
TEST(Philox, GivesThePublishedKnownAnswers) {
  EXPECT_EQ(philox4x32_10({0, 0, 0, 0}, {0, 0}), (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  constexpr std::uint32_t ones = 0xffffffff;
  EXPECT_EQ(philox4x32_10({ones, ones, ones, ones}, {ones, ones}),
            (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32_10({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(RandomStream, ReadsBlocksOfItsKeyAndStreamInOrder) {
  RandomStream random(0x299f31d0a4093822u, 0x0370734413198a2eu);
  for (std::uint32_t block = 0; block < 3; ++block)
    for (const std::uint32_t word : philox4x32_10({block, 0, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}))
      EXPECT_EQ(random.next(), word);
}

TEST(RandomStream, FillGivesTheSameWordsAsNext) {
  for (const std::size_t before : {0u, 1u, 3u, 4u, 5u})
    for (const std::size_t count : {0u, 1u, 4u, 31u, 32u, 33u, 100u, 512u}) {
      RandomStream one(7, 9), other(7, 9);
      for (std::size_t i = 0; i < before; ++i) EXPECT_EQ(one.next(), other.next());
      std::vector<std::uint32_t> words(count);
      one.fill(words);
      for (const std::uint32_t word : words) ASSERT_EQ(word, other.next()) << before << " " << count;
      EXPECT_EQ(one.next(), other.next()) << before << " " << count;
    }
}

TEST(RandomStream, DiffersByKeyAndByStream) {
  std::set<std::uint32_t> first;
  for (std::uint64_t key = 0; key < 4; ++key)
    for (std::uint64_t stream = 0; stream < 4; ++stream) first.insert(RandomStream(key, stream).next());
  EXPECT_EQ(first.size(), 16u);
}

TEST(RandomStream, CopiesGoOnIndependently) {
  RandomStream one(3);
  one.normal();
  RandomStream other = one;
  const std::uint32_t word = one.next();
  EXPECT_EQ(other.next(), word);
}

struct Moments {
  double mean = 0, variance = 0, fourth = 0;
};

template <class Draw>
Moments moments(int count, Draw&& draw) {
  std::vector<double> values(static_cast<std::size_t>(count));
  Moments m;
  for (double& v : values) m.mean += (v = draw());
  m.mean /= count;
  for (const double v : values) {
    m.variance += (v - m.mean) * (v - m.mean) / count;
    m.fourth += std::pow(v - m.mean, 4) / count;
  }
  return m;
}

// Tolerances: five standard errors of the estimates over a million draws; the streams are fixed, so nothing flickers.
TEST(RandomStream, UniformHasItsMoments) {
  RandomStream random(1);
  const auto m = moments(1000000, [&] { return random.uniform(); });
  EXPECT_NEAR(m.mean, 0.5, 5 * std::sqrt(1 / 12.0) / 1000);
  EXPECT_NEAR(m.variance, 1 / 12.0, 5 * std::sqrt(1 / 180.0) / 1000);
  const auto f = moments(1000000, [&] { return static_cast<double>(random.uniform_float()); });
  EXPECT_NEAR(f.mean, 0.5, 5 * std::sqrt(1 / 12.0) / 1000);
}

TEST(RandomStream, NormalHasItsMoments) {
  RandomStream random(2);
  const auto m = moments(1000000, [&] { return random.normal(); });
  EXPECT_NEAR(m.mean, 0, 5.0 / 1000);
  EXPECT_NEAR(m.variance, 1, 5 * std::sqrt(2.0) / 1000);
  EXPECT_NEAR(m.fourth, 3, 5 * std::sqrt(96.0) / 1000);
}

TEST(RandomStream, BelowIsUniformAndInRange) {
  RandomStream random(4);
  std::vector<int> seen(6);
  for (int i = 0; i < 600000; ++i) ++seen.at(random.below(6));
  for (const int count : seen) EXPECT_NEAR(count, 100000, 5 * std::sqrt(600000 * 5 / 36.0));
  EXPECT_EQ(random.below(1), 0u);
  // Three quarters of all words: without rejection every third number would come up twice as often.
  int thirds = 0;
  for (int i = 0; i < 90000; ++i) thirds += random.below(0xC0000000u) % 3 == 0;
  EXPECT_NEAR(thirds, 30000, 5 * std::sqrt(90000 * 2 / 9.0));
}

}  // namespace
}  // namespace automask::core
