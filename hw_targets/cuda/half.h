#pragma once
// IEEE halves as bits, for the host side: nearest, ties to even, what is too large becomes infinite. C++14.
#include <cstdint>
#include <cstring>

namespace automask {
namespace cuda {

inline std::uint16_t half_of(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000U);
  bits &= 0x7fffffffU;
  if (bits > 0x7f800000U) return static_cast<std::uint16_t>(sign | 0x7e00U);   // no number
  if (bits >= 0x477ff000U) return static_cast<std::uint16_t>(sign | 0x7c00U);  // 65520 and above
  if (bits < 0x38800000U) {                                                    // below 2^-14: steps of 2^-24
    if (bits < 0x33000000U) return sign;
    const int shift = 126 - static_cast<int>(bits >> 23);
    const std::uint32_t mantissa = (bits & 0x7fffffU) | 0x800000U;
    const std::uint32_t kept = mantissa >> shift, rest = mantissa & ((1U << shift) - 1), middle = 1U << (shift - 1);
    return static_cast<std::uint16_t>(sign | (kept + (rest > middle || (rest == middle && (kept & 1U)) ? 1U : 0U)));
  }
  const std::uint32_t kept = (bits - 0x38000000U) >> 13, rest = bits & 0x1fffU;
  return static_cast<std::uint16_t>(sign | (kept + (rest > 0x1000U || (rest == 0x1000U && (kept & 1U)) ? 1U : 0U)));
}

inline float float_of(std::uint16_t half) {
  const std::uint32_t sign = (half & 0x8000U) << 16, exponent = (half >> 10) & 31U, mantissa = half & 0x3ffU;
  std::uint32_t bits;
  if (exponent == 31) {
    bits = sign | 0x7f800000U | (mantissa << 13);
  } else if (exponent != 0) {
    bits = sign | ((exponent + 112) << 23) | (mantissa << 13);
  } else {
    const float small = static_cast<float>(mantissa) * 5.9604644775390625e-8F;  // 2^-24
    std::memcpy(&bits, &small, sizeof bits);
    bits |= sign;
  }
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

}  // namespace cuda
}  // namespace automask
