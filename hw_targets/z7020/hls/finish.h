#pragma once
// From sums to values: requantisation as hw_targets/package/integer.h has it, limits, the residual. C++14.
#include "hw_targets/z7020/hls/buffers.h"
#include "hw_targets/z7020/instructions.h"

namespace automask {
namespace z7020 {
namespace hls {

inline int limited(product_t value, int low, int high) {
  return static_cast<int>(value < low ? product_t(low) : value > high ? product_t(high) : value);
}
inline product_t round_shift(product_t product, int shift) {
  return shift == 0 ? product : product_t((product + (product_t(1) << (shift - 1))) >> shift);
}

// An instruction's part of it, read once.
struct Finish {
  explicit Finish(const Instruction& i)
      : low(get(i, field::low)),
        high(get(i, field::high)),
        sum_low(get(i, field::sum_low)),
        sum_high(get(i, field::sum_high)),
        own(get(i, field::own_multiplier)),
        other(get(i, field::residual_multiplier)),
        shift(get(i, field::shift)),
        add(get(i, field::add_residual) != 0),
        wide(get(i, field::wide) != 0) {}

  // At most 33 bits of sum and bias by 16 of multiplier: one product of two DSP48E1.
  int requantised(product_t sum, const Requantiser& r) const {
    const product_t value = round_shift(product_t((sum + r.bias) * r.multiplier), r.shift);
    return wide ? limited(value, -32767, 32767) : limited(limited(value, -127, 127), low, high);
  }
  int added(int value, value_t residual) const {
    const product_t sum = product_t(value) * own + product_t(static_cast<int>(residual)) * other;
    const product_t total = round_shift(sum, shift);
    return wide ? limited(total, -32767, 32767) : limited(limited(total, -127, 127), sum_low, sum_high);
  }

  int low, high, sum_low, sum_high, own, other, shift;
  bool add, wide;
};

}  // namespace hls
}  // namespace z7020
}  // namespace automask
