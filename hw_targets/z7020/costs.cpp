#include "hw_targets/z7020/costs.h"

#include <algorithm>

#include "hw_targets/z7020/arithmetic.h"
#include "hw_targets/z7020/hls/parameters.h"

namespace automask {
namespace z7020 {
namespace {

// A tile of planes: whole planes lie behind each other, whole rows likewise.
Traffic tile(const Instruction& i) {
  const double planes = get(i, field::planes), rows = get(i, field::rows), cols = get(i, field::cols);
  const bool whole_rows = cols == get_unsigned(i, field::row_pitch);
  const bool whole_planes = whole_rows && rows * cols == get_unsigned(i, field::plane_pitch);
  return {4 * planes * rows * cols, whole_planes ? 1 : whole_rows ? planes : planes * rows};
}

}  // namespace

Traffic traffic(const Instruction& i) {
  const double count = get(i, field::count);
  switch (static_cast<Opcode>(opcode_byte(i))) {
    case Opcode::load_planes:
      if (get(i, field::picture) != 0) {
        const double rows = get(i, field::rows), bytes = get(i, field::cols) * get(i, field::picture_channels);
        return {rows * bytes, rows};
      }
      return tile(i);
    case Opcode::load_residual:
    case Opcode::store:
      return tile(i);
    case Opcode::load_list:
      return {2 * count, 1};
    case Opcode::load_table:
      return {256 * count, 1};
    case Opcode::load_reciprocals:
      return {4 * count, 1};
    case Opcode::load_weights:
    case Opcode::load_filters:
      return {count * 4 * (double(get(i, field::runs)) * get(i, field::row_words) + parameter_words),
              count * get(i, field::runs) + 1};
    default:
      return {};
  }
}

double loop_cycles(const Parallel& p, int channels, int outputs, int taps, int height, int width) {
  return double(divided_up(channels, p.inputs)) * divided_up(outputs, p.outputs) * taps * height *
         divided_up(width, p.pixels);
}

double array_cycles(double passes, double pixels) {
  return start_cycles + hls::register_cycles + passes * std::max<double>(pixels, hls::register_cycles);
}

double window_cycles(double pixels, int kernel_h, int kernel_w) {
  const int taps = kernel_h * ((kernel_w + hls::window_taps - 1) / hls::window_taps);
  return start_cycles + pixels * std::max(taps, hls::finish_cycles);
}

double unit_cycles(const Instruction& i) {
  const double pixels = double(get(i, field::out_rows)) * get(i, field::out_cols);
  const double lines = double(get(i, field::rows)) * divided_up(get(i, field::cols), hls::port_words);
  const int planes = get(i, field::planes), count = get(i, field::count);
  switch (static_cast<Opcode>(opcode_byte(i))) {
    case Opcode::load_planes:
      // Through the table a pixel takes a cycle.
      if (get(i, field::picture) != 0) return double(get(i, field::rows)) * get(i, field::cols);
      return lines * (get(i, field::replicated) != 0 ? planes : divided_up(planes, hls::ports));
    case Opcode::load_residual:
    case Opcode::store:
      return lines * divided_up(planes, hls::output_quads);
    case Opcode::load_list:
      return divided_up(count, 2);
    case Opcode::load_table:
      return 256.0 * count;
    case Opcode::load_reciprocals:
      return count;
    case Opcode::load_weights:
    case Opcode::load_filters:
      return double(divided_up(count, hls::ports)) *
             (parameter_words + double(get(i, field::runs)) * divided_up(get(i, field::row_words), hls::port_words));
    case Opcode::convolve:
      return array_cycles(divided_up(get(i, field::quad_end) - get(i, field::quad_begin), hls::quads), pixels);
    case Opcode::window:
      return window_cycles(pixels, get(i, field::kernel_h), get(i, field::kernel_w));
    default:
      return 0;
  }
}

}  // namespace z7020
}  // namespace automask
