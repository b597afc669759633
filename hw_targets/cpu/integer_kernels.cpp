#include "hw_targets/cpu/integer_kernels.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "hw_targets/cpu/integer_loops.h"

namespace automask::cpu {
namespace {

std::int64_t divided_down(std::int64_t a, std::int64_t b) { return a / b - (a % b != 0 && a < 0 ? 1 : 0); }
std::int32_t saturated(std::int64_t value) {
  return static_cast<std::int32_t>(std::clamp<std::int64_t>(value, -std::numeric_limits<std::int32_t>::max(),
                                                            std::numeric_limits<std::int32_t>::max()));
}

// The largest sum whose result is at most -127, and the smallest with at least 127: further ones change nothing.
void limits(const package::Requantisation& r, std::int32_t& low, std::int32_t& high) {
  low = std::numeric_limits<std::int32_t>::min() + 1;
  high = std::numeric_limits<std::int32_t>::max();
  if (r.multiplier == 0) return;
  const std::int64_t m = r.multiplier < 0 ? -std::int64_t(r.multiplier) : r.multiplier, one = std::int64_t(1)
                                                                                              << r.shift;
  const std::int64_t half = r.shift == 0 ? 0 : one / 2;
  high = saturated(-divided_down(-(package::most_value * one - half), m));
  low = saturated(divided_down((1 - package::most_value) * one - half - 1, m));
  if (r.multiplier < 0) {
    std::swap(low, high);
    low = -low;
    high = -high;
  }
}

std::int8_t finished(std::int32_t accumulator, const Finish& finish, int channel) {
  const std::int32_t value = package::requantised(accumulator, finish.exact[channel], package::most_value);
  return static_cast<std::int8_t>(limited(value, finish.low, finish.high));
}

// The four bytes at both addresses as values, multiplied one by one.
template <class Value>
std::int32_t group_sum(const std::int8_t* weights, const std::int8_t* values) {
  constexpr std::size_t count = 4 / sizeof(Value);
  Value w[count], v[count];
  std::memcpy(w, weights, 4);
  std::memcpy(v, values, 4);
  std::int32_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += w[i] * v[i];
  return sum;
}

void product(const Product& p) {
  const int width = p.outputs <= 8 ? 8 : 16;
  for (int pixel = 0; pixel < p.count; ++pixel) {
    const std::int8_t* from = p.source + p.offsets[pixel];
    for (int c = 0; c < p.outputs; ++c) {
      std::int32_t accumulator = 0;
      const std::int8_t* weight = p.panel + c * 4;
      for (int run = 0; run < p.run_count; ++run)
        for (int g = 0; g < p.groups; ++g, weight += width * 4)
          accumulator += p.is_signed ? group_sum<std::int16_t>(weight, from + p.runs[run] + g * 4)
                                     : group_sum<std::int8_t>(weight, from + p.runs[run] + g * 4);
      if (p.accumulators) {
        p.accumulators[pixel * p.stride + c] = accumulator;
        continue;
      }
      const std::int8_t value = finished(accumulator, p.finish, c);
      p.out[pixel * p.stride + c] =
          p.finish.adds ? sum_of(p.finish.residual, value, p.other[pixel * p.stride + c]) : value;
    }
  }
}

void depthwise(const Depthwise& layer, const std::int8_t* const* taps, std::int8_t* out, const std::int8_t* other) {
  static constexpr int place[lanes] = {0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 12, 13, 14, 15};  // its own inverse
  for (int c = 0; c < layer.channels; ++c) {
    const std::int16_t* weights = layer.weights + c / lanes * layer.pairs * 2 * lanes + place[c % lanes] * 2;
    std::int32_t accumulator = 0;
    for (int t = 0; t < layer.taps; ++t) accumulator += weights[t / 2 * 32 + t % 2] * taps[t][c];
    const std::int8_t value = finished(accumulator, layer.finish, c);
    out[c] = layer.finish.adds ? sum_of(layer.finish.residual, value, other[c]) : value;
  }
}

void depthwise_row(const Depthwise& layer, const DepthwiseRow& row) {
  static constexpr int rows[10] = {0, 1, 0, 1, 0, 1, 2, 2, 2, 2}, columns[10] = {0, 0, 1, 1, 2, 2, 0, 1, 2, 2};
  for (int x = 0; x < row.count; ++x) {
    const std::int8_t* taps[10];
    for (int t = 0; t < 10; ++t)
      taps[t] = row.rows[rows[t]] + static_cast<std::ptrdiff_t>(x * row.stride + columns[t]) * layer.channels;
    const std::ptrdiff_t place = static_cast<std::ptrdiff_t>(x) * layer.channels;
    depthwise(layer, taps, row.out + place, row.other ? row.other + place : nullptr);
  }
}

void add(const Residual& residual, const std::int8_t* own, const std::int8_t* other, std::size_t count,
         std::int8_t* out) {
  for (std::size_t i = 0; i < count; ++i) out[i] = sum_of(residual, own[i], other[i]);
}

}  // namespace

Requantisers::Requantisers(const package::Requantisation* channels, std::size_t count)
    : bias((count + 7) / 8 * 8), usual(bias.size() / 8), any(usual.size()) {
  bool all_usual = true;
  for (std::size_t c = 0; c < bias.size(); ++c) {
    const package::Requantisation r = c < count ? channels[c] : package::Requantisation();
    const std::size_t i = c % 8, half_i = i / 2;
    const bool even = i % 2 == 0;
    bias[c] = r.bias;
    AnyShift& to = any[c / 8];
    to.multiplier[i] = r.multiplier;
    limits(r, to.low[i], to.high[i]);
    const std::int64_t half = r.shift == 0 ? 0 : std::int64_t(1) << (r.shift - 1);
    (even ? to.added_even : to.added_odd)[half_i] = half + (std::int64_t(1) << (r.shift + 16));
    (even ? to.shift_even : to.shift_odd)[half_i] = r.shift;
    if (r.multiplier == 0) continue;
    if (r.shift >= 16 && r.shift <= 32)
      (even ? usual[c / 8].scaled_even : usual[c / 8].scaled_odd)[half_i * 2] = r.multiplier * (1 << (32 - r.shift));
    else
      all_usual = false;
  }
  if (!all_usual) usual.clear();
}

const Kernels plain_kernels = {"plain", product, depthwise, depthwise_row, largest, sum, add, widen};

const Kernels& best_kernels() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) return avx2_kernels;
#endif
  return plain_kernels;
}

}  // namespace automask::cpu
