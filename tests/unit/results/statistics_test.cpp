#include "results/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <stdexcept>
#include <tuple>

namespace automask::results {
namespace {

// Newcombe, "Two-sided confidence intervals for the single proportion: comparison of seven methods", Statistics in
// Medicine 17 (1998), Table I, method 3 (Wilson's score without continuity correction).
TEST(Wilson, AgreesWithNewcombe1998) {
  const struct {
    std::int64_t hits, n;
    double low, high;
  } published[] = {
      {81, 263, 0.2553, 0.3662}, {15, 148, 0.0624, 0.1605}, {0, 20, 0.0000, 0.1611}, {1, 29, 0.0061, 0.1718}};
  for (const auto& row : published) {
    const Interval interval = wilson_percent(row.hits, row.n);
    EXPECT_NEAR(interval.low, 100 * row.low, 0.005) << row.hits << "/" << row.n;
    EXPECT_NEAR(interval.high, 100 * row.high, 0.005) << row.hits << "/" << row.n;
  }
}

TEST(Wilson, IsSymmetricAndStaysInside) {
  const Interval low = wilson_percent(3, 50), high = wilson_percent(47, 50);
  EXPECT_NEAR(low.low, 100 - high.high, 1e-12);
  EXPECT_NEAR(low.high, 100 - high.low, 1e-12);
  EXPECT_EQ(wilson_percent(0, 10'000).low, 0);
  EXPECT_EQ(wilson_percent(10'000, 10'000).high, 100);
  EXPECT_EQ(wilson_percent(0, 0).high, 100);
  EXPECT_THROW(wilson_percent(2, 1), std::invalid_argument);
}

// How often the interval holds the true difference, summed over every outcome of n pairs.
double coverage(int n, double gain, double loss) {
  double covered = 0;
  for (int gained = 0; gained <= n; ++gained)
    for (int lost = 0; gained + lost <= n; ++lost) {
      const double same = n - gained - lost;
      const double log_chance = std::lgamma(n + 1.0) - std::lgamma(gained + 1.0) - std::lgamma(lost + 1.0) -
                                std::lgamma(same + 1) + gained * std::log(gain) + lost * std::log(loss) +
                                same * std::log(1 - gain - loss);
      const PairedDifference found = paired_difference_percent(gained, lost, n);
      if (found.interval.low <= 100 * (gain - loss) && 100 * (gain - loss) <= found.interval.high)
        covered += std::exp(log_chance);
    }
  return covered;
}

TEST(PairedDifference, HoldsTheTrueDifferenceNineteenTimesInTwenty) {
  for (const auto& [n, gain, loss] : {std::tuple{50, 0.1, 0.1}, {50, 0.05, 0.2}, {100, 0.01, 0.02}, {100, 0.3, 0.1}}) {
    EXPECT_GT(coverage(n, gain, loss), 0.93) << n << " " << gain << " " << loss;
    EXPECT_LT(coverage(n, gain, loss), 0.9995) << n << " " << gain << " " << loss;
  }
}

TEST(PairedDifference, IsTheShareGainedLessTheShareLost) {
  const PairedDifference found = paired_difference_percent(3, 11, 200), other = paired_difference_percent(11, 3, 200);
  EXPECT_DOUBLE_EQ(found.difference, -4);
  EXPECT_DOUBLE_EQ(found.interval.low, -other.interval.high);
  // Few differences leave doubt, none of them too; more pairs leave less.
  EXPECT_LT(paired_difference_percent(0, 0, 100).interval.low, -1);
  EXPECT_GT(paired_difference_percent(0, 0, 10'000).interval.low, -0.1);
  EXPECT_THROW(paired_difference_percent(2, 2, 3), std::invalid_argument);
  EXPECT_THROW(paired_difference_percent(0, 0, 0), std::invalid_argument);
}

// Type 7 is R's default: quantile(c(15, 20, 35, 40, 50), .4) is 29; quantile(1:10, c(.25, .9)) is 3.25 and 9.1.
TEST(Quantile, AgreesWithR) {
  EXPECT_DOUBLE_EQ(quantile({50, 15, 40, 20, 35}, 0.4), 29);
  const std::vector<double> ten = {10, 9, 8, 7, 6, 5, 4, 3, 2, 1};
  EXPECT_DOUBLE_EQ(quantile(ten, 0.25), 3.25);
  EXPECT_DOUBLE_EQ(quantile(ten, 0.9), 9.1);
  EXPECT_DOUBLE_EQ(quantile(ten, 0.5), 5.5);
  EXPECT_DOUBLE_EQ(quantile(ten, 0), 1);
  EXPECT_DOUBLE_EQ(quantile(ten, 1), 10);
  EXPECT_DOUBLE_EQ(quantile({7}, 0.99), 7);
  EXPECT_THROW(quantile({}, 0.5), std::invalid_argument);
}

// The sign test's two-sided 5 % critical values c (Dixon and Mood, "The statistical sign test", JASA 41, 1946) give
// the interval of the median from the (c + 1)-th smallest to the (c + 1)-th largest value.
TEST(QuantileInterval, AgreesWithTheSignTestsTable) {
  const struct { int n, critical; } published[] = {{6, 0}, {8, 0}, {9, 1}, {10, 1}, {15, 3}, {17, 4}, {20, 5}, {25, 7}};
  for (const auto& row : published) {
    std::vector<double> values(static_cast<std::size_t>(row.n));
    std::iota(values.rbegin(), values.rend(), 1);  // the value is its rank
    const Interval interval = quantile_interval(values, 0.5);
    EXPECT_EQ(interval.low, row.critical + 1) << row.n;
    EXPECT_EQ(interval.high, row.n - row.critical) << row.n;
  }
  EXPECT_TRUE(std::isnan(quantile_interval({1, 2, 3, 4, 5}, 0.5).low));
  EXPECT_TRUE(std::isnan(quantile_interval({1, 2, 3, 4, 5}, 0.5).high));
}

// 0.99^367 > 0.025 >= 0.99^368: below 368 values the largest is no upper bound of p99.
TEST(QuantileInterval, HasNoUpperEndWhereValuesAreTooFew) {
  std::vector<double> values(367);
  std::iota(values.begin(), values.end(), 1);
  EXPECT_TRUE(std::isnan(quantile_interval(values, 0.99).high));
  EXPECT_FALSE(std::isnan(quantile_interval(values, 0.99).low));
  values.push_back(368);
  EXPECT_EQ(quantile_interval(values, 0.99).high, 368);
}

TEST(QuantileInterval, TakesManyValues) {
  std::vector<double> values(200'000);
  std::iota(values.begin(), values.end(), 1);
  const Interval interval = quantile_interval(values, 0.5);
  // The normal approximation: 1.96 * sqrt(n) / 2 ranks on each side.
  EXPECT_NEAR(interval.low, 100'000 - 438.3, 2);
  EXPECT_NEAR(interval.high, 100'000 + 438.3, 2);
}

// Student's t, 97.5 %: the table in any textbook, e.g. NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2.
TEST(StudentT, AgreesWithTheTable) {
  const struct {
    int degrees;
    double t;
  } published[] = {{1, 12.706}, {2, 4.303},  {3, 3.182},  {4, 2.776},  {5, 2.571},
                   {10, 2.228}, {29, 2.045}, {30, 2.042}, {100, 1.984}};
  for (const auto& row : published) EXPECT_NEAR(student_t_975(row.degrees), row.t, 0.0006) << row.degrees;
  EXPECT_THROW(student_t_975(0), std::invalid_argument);
}

TEST(MeanInterval, IsTheTInterval) {
  const MeanInterval three = mean_interval({70, 71, 72});
  EXPECT_DOUBLE_EQ(three.mean, 71);
  EXPECT_NEAR(three.interval.high - 71, 4.303 / std::sqrt(3), 0.001);
  EXPECT_NEAR(71 - three.interval.low, 4.303 / std::sqrt(3), 0.001);
  EXPECT_TRUE(std::isnan(mean_interval({70}).interval.low));
}

}  // namespace
}  // namespace automask::results
