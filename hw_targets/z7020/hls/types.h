#pragma once
// The engine's numbers. With AUTOMASK_AP_INT they are Vitis HLS's ap_int of just the bits needed; without, plain
// integers that hold them, so that g++ alone simulates the engine. Both give the same values. C++14.
#include <cstdint>

#ifdef AUTOMASK_AP_INT
#include <ap_int.h>
#endif

namespace automask {
namespace z7020 {
namespace hls {

#ifdef AUTOMASK_AP_INT
using value_t = ap_int<8>;
using packed_t = ap_int<25>;   // the DSP48E1's wider operand
using cascade_t = ap_int<48>;  // its accumulator
using sum_t = ap_int<32>;
using product_t = ap_int<48>;  // 32 bits of accumulator and bias by 16 of multiplier
#else
using value_t = std::int8_t;
using packed_t = std::int32_t;
using cascade_t = std::int64_t;
using sum_t = std::int32_t;
using product_t = std::int64_t;
#endif
using word_t = std::uint32_t;  // of DDR and of the buffers: four channels of a pixel, the first in the lowest byte

// Accumulators wrap around, as in hardware. No package that is accepted comes near: its sums stay below 2^30.
inline sum_t wrapped_sum(sum_t a, sum_t b) {
  return static_cast<sum_t>(static_cast<std::int32_t>(static_cast<std::uint32_t>(static_cast<std::int32_t>(a)) +
                                                      static_cast<std::uint32_t>(static_cast<std::int32_t>(b))));
}

inline value_t channel_of(word_t word, int channel) {
  return static_cast<value_t>(static_cast<std::int8_t>((word >> (8 * channel)) & 255U));
}
inline word_t with_channel(word_t word, int channel, int value) {
  return (word & ~(word_t(255) << (8 * channel))) | (static_cast<word_t>(value & 255) << (8 * channel));
}

}  // namespace hls
}  // namespace z7020
}  // namespace automask
