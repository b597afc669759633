#include "core/normal.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>

namespace automask::core {
namespace {

// The distribution function in long double: an independent inverse.
long double distribution(long double x) { return 0.5L * std::erfc(-x / std::sqrt(2.0L)); }

TEST(NormalQuantile, InvertsTheDistributionFunction) {
  for (int exponent = 1; exponent <= 53; ++exponent)
    for (const double mantissa : {1.0, 1.1, 1.5, 1.9}) {
      const double p = std::ldexp(mantissa, -exponent - 1);
      // p's relative error is x's relative error times x phi(x) / p, which is below x^2 + 1 in the tail.
      const double x = normal_quantile(p);
      EXPECT_NEAR(static_cast<double>(distribution(x) / static_cast<long double>(p)), 1.0, 4e-15 * (x * x + 1)) << p;
    }
}

TEST(NormalQuantile, IsOddAboutOneHalfAndGrows) {
  EXPECT_EQ(normal_quantile(0.5), 0.0);
  double before = -100;
  for (int i = 1; i < 4096; ++i) {
    const double p = i / 4096.0;
    EXPECT_EQ(normal_quantile(p), -normal_quantile(1 - p)) << p;
    EXPECT_GT(normal_quantile(p), before) << p;
    before = normal_quantile(p);
  }
}

}  // namespace
}  // namespace automask::core
