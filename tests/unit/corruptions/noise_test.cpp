// The noises against their definitions. Streams are fixed, so tolerances of five standard errors never flicker.
#include <gtest/gtest.h>

#include <map>

#include "core/normal.h"
#include "tests/unit/corruptions/pictures.h"

namespace automask::corruptions {
namespace {

using testing::apply_operator;
using testing::flat;

struct Statistics {
  double mean = 0, variance = 0;
};

Statistics statistics(const cv::Mat& picture) {
  cv::Scalar mean, deviation;
  cv::meanStdDev(picture.reshape(1), mean, deviation);
  return {mean[0], deviation[0] * deviation[0]};
}

constexpr double sigmas[] = {.08, .12, .18, .26, .38};

TEST(GaussianNoise, HasItsMeanAndVariance) {
  for (int severity = 1; severity <= 2; ++severity) {  // the stronger ones clip at mid-gray
    const cv::Mat noisy = apply_operator("gaussian_noise", flat(500, 500, 1, 128), severity);
    const double sigma = 255 * sigmas[severity - 1], n = 250000;
    const auto s = statistics(noisy);
    EXPECT_NEAR(s.mean, 128, 5 * sigma / std::sqrt(n)) << severity;
    // Rounding to whole levels adds a twelfth; clipping beyond 4 sigma takes less than the tolerance.
    EXPECT_NEAR(s.variance, sigma * sigma + 1 / 12.0, 5 * sigma * sigma * std::sqrt(2 / n) + 0.002 * sigma * sigma)
        << severity;
  }
}

TEST(GaussianNoise, IsTheRoundedQuantileOfEachWord) {
  for (int severity = 1; severity <= 5; ++severity)
    for (const int value : {0, 3, 128, 255}) {
      const cv::Mat noisy = apply_operator("gaussian_noise", flat(100, 101, 3, value), severity, 77);
      core::RandomStream random(77);
      for (std::size_t i = 0; i < noisy.total() * 3; ++i) {
        const double z = core::normal_quantile((random.next() + 0.5) / 4294967296.0);
        const double exact = std::clamp(std::floor(value + 255 * sigmas[severity - 1] * z + 0.5), 0.0, 255.0);
        ASSERT_EQ(noisy.data[i], exact) << severity << " " << value << " " << i;
      }
    }
}

TEST(GaussianNoise, ClipsHalfOfBlackAndWhite) {
  for (const int value : {0, 255}) {
    const cv::Mat noisy = apply_operator("gaussian_noise", flat(500, 500, 1, value), 5);
    const double kept = static_cast<double>(cv::countNonZero(noisy == value)) / 250000;
    EXPECT_NEAR(kept, 0.5, 0.01) << value;
  }
}

constexpr double photons[] = {60, 25, 12, 5, 3};

TEST(ShotNoise, IsPoissonDistributed) {
  for (int severity = 1; severity <= 5; ++severity)
    for (const int value : {1, 20, 60, 128, 200}) {
      const double c = photons[severity - 1], mean = c * value / 255, n = 200000;
      const cv::Mat noisy = apply_operator("shot_noise", flat(400, 500, 1, value), severity, 9);
      std::map<int, double> seen;  // counts of photons; at most 60 to white, so each has its own level below white
      for (std::size_t i = 0; i < noisy.total(); ++i) seen[static_cast<int>(std::lround(noisy.data[i] * c / 255))] += 1;
      // Chi-square over the counts below white, and the rest together.
      double chi2 = 0, rest_expected = n, rest_seen = n;
      int cells = 0;
      for (int k = 0; k < c; ++k) {
        const double expected = n * std::exp(k * std::log(mean) - mean - std::lgamma(k + 1.0));
        if (expected < 10) continue;
        chi2 += (seen[k] - expected) * (seen[k] - expected) / expected;
        rest_expected -= expected;
        rest_seen -= seen[k];
        ++cells;
      }
      if (rest_expected > 10) {
        chi2 += (rest_seen - rest_expected) * (rest_seen - rest_expected) / rest_expected;
      } else {
        EXPECT_LT(rest_seen, 40) << severity << " " << value;
      }
      EXPECT_LT(chi2, cells + 5 * std::sqrt(2.0 * cells) + 5) << severity << " " << value;
    }
}

TEST(ShotNoise, KeepsBlackAndHasTheMeanOfThePicture) {
  EXPECT_EQ(cv::countNonZero(apply_operator("shot_noise", flat(100, 100, 1, 0), 5)), 0);
  for (int severity = 1; severity <= 3; ++severity) {
    const cv::Mat noisy = apply_operator("shot_noise", flat(500, 500, 1, 80), severity);
    const double variance = 255.0 * 80 / photons[severity - 1];
    const auto s = statistics(noisy);
    EXPECT_NEAR(s.mean, 80, 5 * std::sqrt(variance / 250000) + 0.5);  // a level's rounding is not centred
    EXPECT_NEAR(s.variance, variance, 0.03 * variance);
  }
}

TEST(ImpulseNoise, ReplacesItsShareByBlackAndWhite) {
  const double amounts[] = {.03, .06, .09, .17, .27};
  for (int severity = 1; severity <= 5; ++severity) {
    const cv::Mat noisy = apply_operator("impulse_noise", flat(500, 500, 3, 128), severity).reshape(1);
    const double n = 750000, p = amounts[severity - 1] / 2, tolerance = 5 * std::sqrt(n * p);
    EXPECT_NEAR(cv::countNonZero(noisy == 0), n * p, tolerance) << severity;
    EXPECT_NEAR(cv::countNonZero(noisy == 255), n * p, tolerance) << severity;
    EXPECT_EQ(cv::countNonZero((noisy == 0) | (noisy == 255) | (noisy == 128)), 750000);
  }
}

TEST(Noise, IsIndependentPerChannelAndPlace) {
  for (const char* name : {"gaussian_noise", "shot_noise", "impulse_noise"}) {
    const cv::Mat noisy = apply_operator(name, flat(300, 300, 3, 100), 2);
    std::vector<cv::Mat> channels;
    cv::split(noisy, channels);
    const auto correlation = [](const cv::Mat& a, const cv::Mat& b) {
      cv::Mat x, y;
      a.convertTo(x, CV_64F);
      b.convertTo(y, CV_64F);
      x -= cv::mean(x);
      y -= cv::mean(y);
      return x.dot(y) / std::sqrt(x.dot(x) * y.dot(y));
    };
    const double limit = 5 / std::sqrt(90000.0);
    EXPECT_LT(std::abs(correlation(channels[0], channels[1])), limit) << name;
    EXPECT_LT(std::abs(correlation(channels[0], channels[2])), limit) << name;
    EXPECT_LT(std::abs(correlation(channels[0].colRange(0, 299), channels[0].colRange(1, 300))), limit) << name;
    EXPECT_LT(std::abs(correlation(channels[0].rowRange(0, 299), channels[0].rowRange(1, 300))), limit) << name;
  }
}

}  // namespace
}  // namespace automask::corruptions
