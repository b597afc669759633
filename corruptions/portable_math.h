#pragma once
// exp, sine and cosine by +, -, *, / alone: the same bits on every host, which libm does not promise. Errors are a few
// units of the last place.
#include <cmath>
#include <cstdint>

namespace automask::corruptions {

// Taylor series; |x| <= pi / 4.
inline double small_sine(double x) {
  double sum = 0;
  for (int k = 19; k >= 3; k -= 2) sum = (1 - sum) * x * x / (k * (k - 1));
  return x * (1 - sum);
}
inline double small_cosine(double x) {
  double sum = 0;
  for (int k = 18; k >= 2; k -= 2) sum = (1 - sum) * x * x / (k * (k - 1));
  return 1 - sum;
}

// Of an angle in turns: 1 is the full circle.
inline double cosine(double turns) {
  const double eighth = std::floor(turns * 4 + 0.5);  // nearest quarter
  const double x = (turns - eighth / 4) * 6.283185307179586;
  switch (static_cast<std::int64_t>(eighth) & 3) {
    case 0:
      return small_cosine(x);
    case 1:
      return -small_sine(x);
    case 2:
      return -small_cosine(x);
    default:
      return small_sine(x);
  }
}
inline double sine(double turns) { return cosine(turns - 0.25); }

// e^x, |x| < 700: x = n ln 2 + r, and the series of e^r.
inline double exponential(double x) {
  const double n = std::floor(x * 1.4426950408889634 + 0.5);
  const double r = (x - n * 0.693145751953125) - n * 1.42860682030941723212e-6;  // ln 2 in two parts
  double sum = 1;
  for (int k = 14; k >= 1; --k) sum = 1 + sum * r / k;
  return std::ldexp(sum, static_cast<int>(n));
}

// Powers for gamma curves: x^p for x > 0 by exponential and the logarithm's series.
inline double logarithm(double x) {
  int exponent = 0;
  double m = std::frexp(x, &exponent);  // [1/2, 1)
  if (m < 0.7071067811865476) {
    m *= 2;
    --exponent;
  }
  const double s = (m - 1) / (m + 1), s2 = s * s;
  double sum = 1.0 / 23;
  for (int power = 21; power >= 1; power -= 2) sum = sum * s2 + 1.0 / power;
  return exponent * 0.6931471805599453 + 2 * s * sum;
}
inline double power(double x, double p) { return exponential(p * logarithm(x)); }

}  // namespace automask::corruptions
