#pragma once
// Intervals and quantiles; small, exact, tested against published values.
#include <cstdint>
#include <vector>

namespace automask::results {

struct Interval {
  double low, high;
};

// Wilson score interval for a proportion (Wilson 1927), 95 %; in the same unit as 100 * hits / n (percent).
Interval wilson_percent(std::int64_t hits, std::int64_t n);

// Quantile q in [0, 1], linear interpolation (type 7, Hyndman and Fan 1996).
double quantile(std::vector<double> values, double q);

// 95 % interval of a quantile from order statistics (binomial), no assumption on the distribution.
Interval quantile_interval(std::vector<double> values, double q);

}  // namespace automask::results
