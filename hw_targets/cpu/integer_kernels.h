#pragma once
// What an integer network spends its time in: inner loops on pictures channels last, s8, each in plain C++ and with
// AVX2, giving the same bits. Every kernel may read, but never uses, `overread` bytes behind what it is given.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "hw_targets/package/integer.h"

namespace automask::cpu {

constexpr int lanes = 16;       // outputs of a panel of weights
constexpr int overread = 64;    // bytes
constexpr int tile_pixels = 6;  // 6 pixels x 16 outputs fill AVX2's registers

// Requantisation of 8 channels whatever their shifts: sums are limited to where the result still changes, so that it
// fits 32 bits; added is 2^(shift - 1) + 2^(shift + 16), which keeps sums positive, and so logical shifts do what
// arithmetic ones would.
struct AnyShift {
  std::int32_t low[8], high[8], multiplier[8];
  std::int64_t added_even[4], added_odd[4], shift_even[4], shift_odd[4];
};
// Of 8 channels with shifts of 16 to 32, which is nearly all there are: the result is the upper half of sum * scaled +
// 2^31, scaled being the multiplier shifted such that the shift becomes 32, and fits 32 bits without limits. even: of
// channel 2i at 2i, odd: of channel 2i + 1 at 2i; else 0.
struct UsualShift {
  std::int32_t scaled_even[8], scaled_odd[8];
};
// For any count of channels; the rest of the last 8 gives 0.
struct Requantisers {
  std::vector<std::int32_t> bias;
  std::vector<UsualShift> usual;  // empty where a channel has another shift
  std::vector<AnyShift> any;
  Requantisers(const package::Requantisation* channels, std::size_t count);
};

// (own * multiplier + other * multiplier) >> shift, rounded, then limited: an add of two.
struct Residual {
  std::int16_t own_multiplier = 0, other_multiplier = 0;
  std::uint8_t shift = 0;
  std::int8_t low = -127, high = 127;
};

// From accumulators to values: requantise, limit, and add what stands at the same place of another picture.
struct Finish {
  const package::Requantisation* exact = nullptr;  // per output
  const std::int32_t* bias = nullptr;              // the same for vectors, in whole eights
  const UsualShift* usual = nullptr;               // per 8 outputs, or null
  const AnyShift* any = nullptr;                   // per 8 outputs
  std::int8_t low = -127, high = 127;              // 0 and the clip's value where an activation follows
  bool adds = false;
  Residual residual;
};

// `outputs` (1 to 16) channels of `count` pixels. A pixel's value is the sum over runs and 4 * groups bytes from its
// address + the run's offset on, times the panel. Where values are 0 to 127, source and panel are bytes, the panel
// [run][group][16][4], or [8][4] where outputs <= 8. is_signed: both are s16 and the panel ends in [2] instead.
struct Product {
  const std::int8_t* source = nullptr;
  const std::int32_t* offsets = nullptr;  // per pixel, bytes
  int count = 0;
  const std::int32_t* runs = nullptr;  // bytes
  int run_count = 0, groups = 0;
  bool is_signed = true;
  const std::int8_t* panel = nullptr;
  int outputs = 0;
  Finish finish;
  std::int8_t* out = nullptr;  // of the first pixel; the next is `stride` bytes further
  const std::int8_t* other = nullptr;
  std::ptrdiff_t stride = 0;
  std::int32_t* accumulators = nullptr;  // if not null, the sums go here instead, `stride` apart, and that is all
};

// A depthwise convolution. weights: [channels / 16][pairs][32]: pairs of two taps for channels 0-3, 8-11, 4-7, 12-15.
// Taps that come in pairs may stand in any order, and further pairs behind them. Those of a 3 x 3 kernel: (0, 0) with
// (1, 0), (0, 1) with (1, 1), (0, 2) with (1, 2), (2, 0) with (2, 1), (2, 2) with nothing; then nothing with (2, 0),
// and (2, 1) with (2, 2).
struct Depthwise {
  int taps = 0, pairs = 0, channels = 0;  // taps: an even number
  const std::int16_t* weights = nullptr;
  Finish finish;
};

// `count` neighbours of a row under a 3 x 3 kernel: the rows of the input from the first tap of the first output on;
// the outputs' taps lie `stride` pixels from each other.
struct DepthwiseRow {
  const std::int8_t* rows[3] = {};
  int stride = 1, count = 0;
  std::int8_t* out = nullptr;
  const std::int8_t* other = nullptr;
};

struct Kernels {
  const char* name;
  void (*product)(const Product& product);
  // One pixel: one address per tap, of `channels` values each.
  void (*depthwise)(const Depthwise& layer, const std::int8_t* const* taps, std::int8_t* out, const std::int8_t* other);
  void (*depthwise_row)(const Depthwise& layer, const DepthwiseRow& row);  // strides 1 and 2
  // out = max over taps, of `channels` values each.
  void (*largest)(const std::int8_t* const* taps, int count, int channels, std::int8_t* out);
  // sums[c] += sum over `pixels` pixels, `stride` bytes from each other.
  void (*sum)(const std::int8_t* source, int pixels, std::ptrdiff_t stride, int channels, std::int32_t* sums);
  void (*add)(const Residual& residual, const std::int8_t* own, const std::int8_t* other, std::size_t count,
              std::int8_t* out);
  // The same values in 16 bits, for products of signed values.
  void (*widen)(const std::int8_t* from, std::size_t count, std::int16_t* to);
};
extern const Kernels plain_kernels;
extern const Kernels avx2_kernels;  // where this is not an x86 build: the plain ones
// What this processor executes fastest.
const Kernels& best_kernels();

}  // namespace automask::cpu
