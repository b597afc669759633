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

// The difference of two proportions on the same n cases, second minus first, in percent: `gained` only the second got
// right, `lost` only the first. 95 %, Wald with half a case added to each cell (Agresti and Min 2005).
struct PairedDifference {
  double difference;
  Interval interval;
};
PairedDifference paired_difference_percent(std::int64_t gained, std::int64_t lost, std::int64_t n);

// Quantile q in [0, 1], linear interpolation (type 7, Hyndman and Fan 1996). Throws std::invalid_argument on no values.
double quantile(std::vector<double> values, double q);

// 95 % interval of a quantile from order statistics (binomial), no assumption on the distribution; at most 2.5 % lie
// beyond either end. An end that so few values cannot give is NaN (p99 has no upper one below 368 values).
Interval quantile_interval(std::vector<double> values, double q);

// 97.5 % quantile of Student's t distribution (Student 1908), for two-sided 95 % intervals; degrees >= 1.
double student_t_975(int degrees);

// Mean and its 95 % interval by Student's t, e.g. over seeds; NaN bounds for a single value.
struct MeanInterval {
  double mean;
  Interval interval;
};
MeanInterval mean_interval(const std::vector<double>& values);

}  // namespace automask::results
