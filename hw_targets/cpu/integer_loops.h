#pragma once
// Loops that the compiler turns into vectors well: included by each set of kernels, and compiled for its instructions.
// Hence no calls of the library: its inline functions would be compiled for them, too.
#include <cstddef>
#include <cstdint>

#include "hw_targets/cpu/integer_kernels.h"

namespace automask::cpu {
namespace {

inline std::int32_t limited(std::int32_t value, std::int32_t low, std::int32_t high) {
  return value < low ? low : value > high ? high : value;
}

// Sums of two products have 23 bits, so that 32 hold their rounding, and from a shift of 25 on nothing is left.
inline std::int8_t sum_of(const Residual& r, std::int32_t own, std::int32_t other) {
  const std::int32_t sum = own * r.own_multiplier + other * r.other_multiplier;
  const std::int32_t rounded = r.shift == 0 ? sum : r.shift >= 25 ? 0 : (sum + (1 << (r.shift - 1))) >> r.shift;
  return static_cast<std::int8_t>(limited(limited(rounded, -package::most_value, package::most_value), r.low, r.high));
}

inline void largest(const std::int8_t* const* taps, int count, int channels, std::int8_t* out) {
  for (int c = 0; c < channels; ++c) out[c] = taps[0][c];
  for (int t = 1; t < count; ++t) {
    const std::int8_t* tap = taps[t];
    for (int c = 0; c < channels; ++c) out[c] = tap[c] > out[c] ? tap[c] : out[c];
  }
}

inline void sum(const std::int8_t* source, int pixels, std::ptrdiff_t stride, int channels, std::int32_t* sums) {
  for (int p = 0; p < pixels; ++p)
    for (int c = 0; c < channels; ++c) sums[c] += source[p * stride + c];
}

inline void widen(const std::int8_t* from, std::size_t count, std::int16_t* to) {
  for (std::size_t i = 0; i < count; ++i) to[i] = static_cast<std::int16_t>(from[i]);
}

}  // namespace
}  // namespace automask::cpu
