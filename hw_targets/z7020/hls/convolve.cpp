#include "hw_targets/z7020/hls/finish.h"
#include "hw_targets/z7020/hls/units.h"

namespace automask {
namespace z7020 {
namespace hls {
namespace {

// The array's stationary weights: w1 << 17 + w0 of outputs 2 p and 2 p + 1.
using Stationary = packed_t[lanes][pairs];

// 192 DSP48E1: per pair of outputs 8 cascades of 4, each split into its two sums at its end.
void multiply(const Stationary& weights, const value_t (&x)[lanes], sum_t (&sums)[outputs]) {
#pragma HLS INLINE
pairs:
  for (int p = 0; p < pairs; ++p) {
#pragma HLS UNROLL
    sum_t lower = 0, upper = 0;
  cascades:
    for (int q = 0; q < quads; ++q) {
#pragma HLS UNROLL
      cascade_t cascade = 0;
      for (int k = 0; k < quad_channels; ++k)
        cascade += cascade_t(weights[q * quad_channels + k][p]) * x[q * quad_channels + k];
      const cascade_t half = cascade_t(1) << (packing_shift - 1);
      const cascade_t low = ((cascade + half) & ((cascade_t(1) << packing_shift) - 1)) - half;
      lower += static_cast<sum_t>(low);
      upper += static_cast<sum_t>((cascade - low) >> packing_shift);
    }
    sums[2 * p] = lower;
    sums[2 * p + 1] = upper;
  }
}

// Which pixels a quad of the pass reads.
struct Slot {
  int base, dy, dx;  // first word of its plane, offset of its tap
};

value_t weight_byte(const Buffers& b, int half, int output, int byte) {
#pragma HLS INLINE
  return channel_of(b.weights[half][output][byte / 4], byte % 4);
}

// Where in a tap's loaded bytes the weight of a lane is: what masks are to the array.
int byte_of_lane(const Instruction& i, const Buffers& b, int lane) {
#pragma HLS INLINE
  if (masks) return b.list[get(i, field::list_half)][lane];
  return lane < get(i, field::row_channels) ? lane : int(hole);
}

// Refills the stationary weights through the channel list: 16 cycles, while the pass before is at work.
void fill(const Instruction& i, const Buffers& b, int pass_quad, Stationary& weights, Slot (&slots)[quads]) {
  const int tap_quads = get(i, field::tap_quads), kernel_w = get(i, field::kernel_w);
  const int row_channels = get(i, field::row_channels), channels = get(i, field::channels);
  const int row_words = (get(i, field::cols) + columns - 1) / columns, half = get(i, field::weight_half);
fill_quads:
  for (int q = 0; q < quads; ++q) {
    const int number = pass_quad + q, tap = number / tap_quads, plane = number % tap_quads;
    const bool inside = number < get(i, field::quad_end);
    const int slot = get(i, field::replicated) != 0 ? plane : plane / quads;
    slots[q].base = slot * get(i, field::rows) * row_words;
    slots[q].dy = tap / kernel_w * get(i, field::dilation_h);
    slots[q].dx = tap % kernel_w * get(i, field::dilation_w);
  fill_channels:
    for (int pair = 0; pair < quad_channels; pair += 2) {
#pragma HLS PIPELINE II = 1
    fill_pair:  // both ports of the weights' memories
      for (int k = pair; k < pair + 2; ++k) {
#pragma HLS UNROLL
        const int entry = inside ? byte_of_lane(i, b, plane * quad_channels + k) : int(hole);
        const int byte = (tap - get(i, field::first_tap)) * row_channels + entry;
        value_t w[outputs];
        for (int o = 0; o < outputs; ++o)
          w[o] = entry != hole && o < channels ? weight_byte(b, half, o, byte) : value_t(0);
        for (int p = 0; p < pairs; ++p)
          weights[q * quad_channels + k][p] = (packed_t(w[2 * p + 1]) * (packed_t(1) << packing_shift)) + w[2 * p];
      }
    }
  }
}

// One pass: every pixel of the tile, a pixel a cycle.
void run_pass(const Instruction& i, Buffers& b, const Stationary& weights, const Slot (&slots)[quads], bool starts,
              bool ends) {
  const Finish finish(i);
  const int rows = get(i, field::rows), cols = get(i, field::cols), row_words = (cols + columns - 1) / columns;
  const int out_rows = get(i, field::out_rows), out_cols = get(i, field::out_cols);
  const int stride_h = get(i, field::stride_h), stride_w = get(i, field::stride_w);
  const int origin_y = get(i, field::origin_y), origin_x = get(i, field::origin_x);
  const int in = get(i, field::input_half), out = get(i, field::output_half), weight = get(i, field::weight_half);
  const int channels = get(i, field::channels);
  int pixel = 0;
out_rows:
  for (int oy = 0; oy < out_rows; ++oy)
  out_cols:
    for (int ox = 0; ox < out_cols; ++ox, ++pixel) {
#pragma HLS PIPELINE II = 1
#pragma HLS DEPENDENCE variable = b.accumulators inter false
      value_t x[lanes];
      for (int s = 0; s < quads; ++s) {
        const int y = origin_y + oy * stride_h + slots[s].dy, col = origin_x + ox * stride_w + slots[s].dx;
        word_t word = 0;
        if (y >= 0 && y < rows && col >= 0 && col < cols)
          word = b.input[in][s][col % columns][slots[s].base + y * row_words + col / columns];
        for (int k = 0; k < quad_channels; ++k) x[s * quad_channels + k] = channel_of(word, k);
      }
      sum_t sums[outputs];
      multiply(weights, x, sums);
      for (int o = 0; o < outputs; ++o) {
        if (!starts) sums[o] = wrapped_sum(sums[o], b.accumulators[pixel][o]);
        if (!ends) b.accumulators[pixel][o] = sums[o];
      }
      if (!ends) continue;
      for (int t = 0; t < output_quads; ++t) {
        word_t low = 0, upper = 0;
        for (int k = 0; k < quad_channels; ++k) {
          const int o = t * quad_channels + k;
          if (o >= channels) continue;
          int value = finish.requantised(sums[o], b.requantisers[weight][o]);
          if (finish.add) value = finish.added(value, channel_of(b.residual[out][pixel][t], k));
          low = with_channel(low, k, value);
          upper = with_channel(upper, k, value >> 8);
        }
        if (finish.wide) {
          b.output[out][2 * pixel][t] = low;
          b.output[out][2 * pixel + 1][t] = upper;
        } else {
          b.output[out][pixel][t] = low;
        }
      }
    }
}

}  // namespace

void convolve(const Instruction& i, Buffers& b) {
  const int begin = get(i, field::quad_begin), end = get(i, field::quad_end);
passes:
  for (int q = begin; q < end; q += quads) {
    // Two sets of them in hardware: the next pass's are filled while this one's are at work.
#pragma HLS DATAFLOW
    Stationary weights;
#pragma HLS ARRAY_PARTITION variable = weights complete dim = 0
    Slot slots[quads];
#pragma HLS ARRAY_PARTITION variable = slots complete dim = 0
    fill(i, b, q, weights, slots);
    run_pass(i, b, weights, slots, q == begin && get(i, field::first) != 0,
             q + quads >= end && get(i, field::last) != 0);
  }
}

}  // namespace hls
}  // namespace z7020
}  // namespace automask
