#pragma once
// The quantile function of the normal distribution, by +, -, *, / and sqrt alone: the same bits on every host, which
// libm's log, sin and cos do not promise.

namespace automask::core {

// x with P(N(0, 1) < x) = p, for p in (0, 1); relative error about 1e-15. Algorithm AS 241 (PPND16): M. J. Wichura,
// "The Percentage Points of the Normal Distribution", Applied Statistics 37(3), 1988.
double normal_quantile(double p);

}  // namespace automask::core
