#include "results/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace automask::results {
namespace {

constexpr double z_95 = 1.959963984540054;  // the normal distribution's 97.5 % quantile

// P(B <= k) of a binomial for k = 0 .. n.
std::vector<double> binomial_cdf(std::int64_t n, double p) {
  std::vector<double> cdf(static_cast<std::size_t>(n) + 1);
  const double log_p = std::log(p), log_q = std::log1p(-p), log_n = std::lgamma(static_cast<double>(n) + 1);
  double sum = 0;
  for (std::int64_t k = 0; k <= n; ++k) {
    const double chosen = static_cast<double>(k), left = static_cast<double>(n - k);
    sum += std::exp(log_n - std::lgamma(chosen + 1) - std::lgamma(left + 1) + chosen * log_p + left * log_q);
    cdf[static_cast<std::size_t>(k)] = sum;
  }
  return cdf;
}

// P(|T| <= t) of Student's distribution with whole degrees of freedom: the finite sums of Abramowitz and Stegun
// 26.7.3 and 26.7.4.
double student_within(double t, int degrees) {
  const double angle = std::atan2(t, std::sqrt(static_cast<double>(degrees)));
  const double c = std::cos(angle), s = std::sin(angle);
  if (degrees % 2 == 1) {
    double term = c, sum = degrees > 1 ? c : 0;
    for (int i = 3; i <= degrees - 2; i += 2) {
      term *= c * c * (i - 1) / i;
      sum += term;
    }
    return 2 / std::acos(-1.0) * (angle + s * sum);
  }
  double term = 1, sum = 1;
  for (int i = 2; i <= degrees - 2; i += 2) {
    term *= c * c * (i - 1) / i;
    sum += term;
  }
  return s * sum;
}

void check_values(const std::vector<double>& values) {
  if (values.empty()) throw std::invalid_argument("no values to take a quantile of");
}

}  // namespace

Interval wilson_percent(std::int64_t hits, std::int64_t n) {
  if (n < 0 || hits < 0 || hits > n) throw std::invalid_argument("hits must be within 0 and n");
  if (n == 0) return {0, 100};
  const double total = static_cast<double>(n), share = static_cast<double>(hits) / total, z2 = z_95 * z_95;
  const double middle = share + z2 / (2 * total);
  const double half = z_95 * std::sqrt(share * (1 - share) / total + z2 / (4 * total * total));
  const double scale = 100 / (1 + z2 / total);
  // Exactly 0 and 100 at the ends, where rounding would leave a speck.
  return {hits == 0 ? 0 : (middle - half) * scale, hits == n ? 100 : (middle + half) * scale};
}

PairedDifference paired_difference_percent(std::int64_t gained, std::int64_t lost, std::int64_t n) {
  if (gained < 0 || lost < 0 || n < 1 || gained + lost > n)
    throw std::invalid_argument("gained and lost must be within 0 and n, and n above 0");
  const double total = static_cast<double>(n) + 2, more = static_cast<double>(gained) + 0.5,
               less = static_cast<double>(lost) + 0.5;
  const double middle = 100 * (more - less) / total;
  const double half = 100 * z_95 * std::sqrt(more + less - (more - less) * (more - less) / total) / total;
  return {100 * static_cast<double>(gained - lost) / static_cast<double>(n),
          {std::max(middle - half, -100.0), std::min(middle + half, 100.0)}};
}

double quantile(std::vector<double> values, double q) {
  check_values(values);
  const double position = std::clamp(q, 0.0, 1.0) * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(below), values.end());
  const double low = values[below];
  const double fraction = position - static_cast<double>(below);
  if (fraction == 0) return low;
  const double high = *std::min_element(values.begin() + static_cast<std::ptrdiff_t>(below) + 1, values.end());
  return low + fraction * (high - low);
}

Interval quantile_interval(std::vector<double> values, double q) {
  check_values(values);
  constexpr double none = std::numeric_limits<double>::quiet_NaN(), tail = 0.025;
  if (!(q > 0 && q < 1)) return {none, none};
  std::sort(values.begin(), values.end());
  const auto n = static_cast<std::int64_t>(values.size());
  const std::vector<double> cdf = binomial_cdf(n, q);
  // [x(l), x(u)] covers the quantile with P(l <= B < u), B the number of values below it: the largest l and the
  // smallest u that leave at most 2.5 % on each side.
  std::int64_t lower = 0, upper = 0;
  for (std::int64_t k = 1; k <= n && cdf[static_cast<std::size_t>(k - 1)] <= tail; ++k) lower = k;
  for (std::int64_t k = n; k >= 1 && 1 - cdf[static_cast<std::size_t>(k - 1)] <= tail; --k) upper = k;
  return {lower == 0 ? none : values[static_cast<std::size_t>(lower - 1)],
          upper == 0 ? none : values[static_cast<std::size_t>(upper - 1)]};
}

double student_t_975(int degrees) {
  if (degrees < 1) throw std::invalid_argument("Student's distribution needs a degree of freedom");
  double low = 0, high = 13;  // 12.706 at one degree
  for (int i = 0; i < 80; ++i) {
    const double middle = (low + high) / 2;
    (student_within(middle, degrees) < 0.95 ? low : high) = middle;
  }
  return (low + high) / 2;
}

MeanInterval mean_interval(const std::vector<double>& values) {
  check_values(values);
  const double n = static_cast<double>(values.size());
  double mean = 0;
  for (const double value : values) mean += value / n;
  if (values.size() == 1) {
    constexpr double none = std::numeric_limits<double>::quiet_NaN();
    return {mean, {none, none}};
  }
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  const double half = student_t_975(static_cast<int>(values.size()) - 1) * std::sqrt(squares / (n - 1) / n);
  return {mean, {mean - half, mean + half}};
}

}  // namespace automask::results
