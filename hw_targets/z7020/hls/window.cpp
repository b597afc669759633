#include "hw_targets/z7020/hls/finish.h"
#include "hw_targets/z7020/hls/units.h"

namespace automask {
namespace z7020 {
namespace hls {
namespace {

int clipped(int value, int low, int high) { return value < low ? low : value > high ? high : value; }

}  // namespace

// 32 channels of a pixel at once; each cycle 3 adjacent columns of a kernel row, which lie in different banks: 96
// products of 8 x 8 bits, in logic, since the array's DSPs add over channels.
void window(const Instruction& i, Buffers& b) {
  const Finish finish(i);
  const auto mode = static_cast<WindowMode>(get(i, field::mode));
  const int rows = get(i, field::rows), cols = get(i, field::cols), row_words = (cols + columns - 1) / columns;
  const int kernel_h = get(i, field::kernel_h), kernel_w = get(i, field::kernel_w);
  const int in = get(i, field::input_half), out = get(i, field::output_half), half = get(i, field::weight_half);
  int entry = 0, residual = 0;
out_rows:
  for (int oy = 0; oy < get(i, field::out_rows); ++oy)
  out_cols:
    for (int ox = 0; ox < get(i, field::out_cols); ++ox) {
      const int top = get(i, field::origin_y) + oy * get(i, field::stride_h);
      const int left = get(i, field::origin_x) + ox * get(i, field::stride_w);
      sum_t sums[lanes];
#pragma HLS ARRAY_PARTITION variable = sums complete
      for (int c = 0; c < lanes; ++c) sums[c] = mode == WindowMode::largest ? -127 : 0;
    kernel_rows:
      for (int ky = 0; ky < kernel_h; ++ky)
      kernel_cols:
        for (int first = 0; first < kernel_w; first += window_taps) {
#pragma HLS PIPELINE II = 1
          for (int step = 0; step < window_taps; ++step) {
#pragma HLS UNROLL
            const int kx = first + step, y = top + ky, x = left + kx;
            if (kx >= kernel_w || y < 0 || y >= rows || x < 0 || x >= cols) continue;
            const int tap = ky * kernel_w + kx;
            for (int c = 0; c < lanes; ++c) {
#pragma HLS UNROLL
              const word_t word = b.input[in][c / quad_channels][x % columns][y * row_words + x / columns];
              const sum_t value = channel_of(word, c % quad_channels);
              switch (mode) {
                case WindowMode::depthwise:
                  sums[c] += value * channel_of(b.filters[half][c][tap / 4], tap % 4);
                  break;
                case WindowMode::largest:
                  if (value > sums[c]) sums[c] = value;
                  break;
                case WindowMode::affine:
                  sums[c] = value * 256;
                  break;
                default:
                  sums[c] += value;
              }
            }
          }
        }
      Requantiser shared{0, static_cast<std::int16_t>(get(i, field::fixed_multiplier)),
                         static_cast<std::uint8_t>(get(i, field::fixed_shift))};
      if (mode == WindowMode::mean) {
        const int counted_rows = clipped(top + kernel_h, get(i, field::count_top), get(i, field::count_bottom)) -
                                 clipped(top, get(i, field::count_top), get(i, field::count_bottom));
        const int counted_cols = clipped(left + kernel_w, get(i, field::count_left), get(i, field::count_right)) -
                                 clipped(left, get(i, field::count_left), get(i, field::count_right));
        const std::uint32_t reciprocal = b.reciprocal[clipped(counted_rows * counted_cols, 0, reciprocals)];
        shared.multiplier = static_cast<std::int16_t>(reciprocal >> 8);
        shared.shift = static_cast<std::uint8_t>(reciprocal & 255U);
      }
      // 12 channels a cycle, as many requantisers as there are.
    finish_outputs:
      for (int first = 0; first < lanes; first += outputs, ++entry, ++residual) {
#pragma HLS PIPELINE II = 1
        for (int t = 0; t < output_quads; ++t) {
          word_t low = 0, upper = 0;
          for (int k = 0; k < quad_channels; ++k) {
            const int c = first + t * quad_channels + k;
            if (c >= lanes) continue;
            const bool own = mode == WindowMode::depthwise || mode == WindowMode::affine;
            int value = mode == WindowMode::largest
                            ? limited(product_t(sums[c]), finish.low, finish.high)
                            : finish.requantised(sums[c], own ? b.requantisers[half][c] : shared);
            if (finish.add) value = finish.added(value, channel_of(b.residual[out][residual][t], k));
            low = with_channel(low, k, value);
            upper = with_channel(upper, k, value >> 8);
          }
          b.output[out][entry][t] = low;
          if (finish.wide) b.output[out][entry + finish_cycles][t] = upper;
        }
      }
      if (finish.wide) entry += finish_cycles;
    }
}

}  // namespace hls
}  // namespace z7020
}  // namespace automask
