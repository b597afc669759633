#include "hw_targets/z7020/tiling.h"

#include <algorithm>

#include "hw_targets/z7020/arithmetic.h"
#include "hw_targets/z7020/hls/parameters.h"

namespace automask {
namespace z7020 {
namespace {

int extent(int kernel, int dilation) { return (kernel - 1) * dilation + 1; }

// Input rows or columns that `size` outputs read at most.
int reach(int size, int stride, int kernel_extent, int map) {
  return std::min((size - 1) * stride + kernel_extent, map);
}

struct Candidate {
  int rows, cols;        // of output
  int in_rows, in_cols;  // of input
  int tiles;
};

// Calls use(candidate) for each cut whose input tile fits `slots` planes a bank and whose outputs are at most `pixels`.
template <class Use>
void for_each_cut(const Work& w, int slots, int pixels, Use use) {
  const graph::Attributes& a = w.attributes;
  const int reach_h = extent(a.kernel_h, a.dilation_h), reach_w = extent(a.kernel_w, a.dilation_w);
  int last_cols = 0;
  for (int parts = 1; parts <= w.out_width; ++parts) {
    const int cols = divided_up(w.out_width, parts);
    if (cols == last_cols) continue;
    last_cols = cols;
    const int in_cols = reach(cols, a.stride_w, reach_w, w.in_width);
    int last_rows = 0;
    for (int bands = 1; bands <= w.out_height; ++bands) {
      const int rows = divided_up(w.out_height, bands);
      if (rows == last_rows) continue;
      last_rows = rows;
      const int in_rows = reach(rows, a.stride_h, reach_h, w.in_height);
      if (rows * cols > pixels || slots * in_rows * divided_up(in_cols, hls::columns) > hls::input_words) continue;
      use(Candidate{rows, cols, in_rows, in_cols, divided_up(w.out_width, cols) * divided_up(w.out_height, rows)});
    }
  }
}

Traffic input_traffic(const Work& w, const Candidate& c) {
  const double planes = w.picture ? 1 : w.in_planes;
  const bool whole_rows = c.in_cols == w.in_width && !w.picture;
  return {4 * planes * c.in_rows * c.in_cols, whole_rows ? planes : planes * c.in_rows};
}

Traffic output_traffic(const Work& w, const Candidate& c) {
  const double planes = divided_up(w.out_channels, 4), maps = w.residual ? 2 : 1;
  return {4 * planes * c.rows * c.cols * maps, (c.cols == w.out_width ? planes : planes * c.rows) * maps};
}

}  // namespace

Span span(int begin, int size, int stride, int pad, int extent_of_kernel, int map) {
  const int from = begin * stride - pad, to = from + (size - 1) * stride + extent_of_kernel;
  Span s;
  s.first = std::min(std::max(from, 0), map - 1);
  s.count = std::max(std::min(to, map) - s.first, 1);
  s.origin = from - s.first;
  return s;
}

Tiling tile_array(const Work& w, const Bandwidth& bandwidth, const std::string& name) {
  const graph::Attributes& a = w.attributes;
  const int taps = a.kernel_h * a.kernel_w, out_tiles = divided_up(w.out_channels, hls::outputs);
  const int row_bytes = 4 * hls::weight_words;
  Tiling best;
  best.cycles = -1;
  const int whole = taps * w.row_channels;
  const int most_taps = row_bytes / w.row_channels;
  // Equal parts: behind a short one the next part's weights cannot be loaded in time.
  const int chunk_taps = most_taps < 1 ? 0 : divided_up(taps, divided_up(taps, most_taps));
  if (chunk_taps < 1)
    throw CompileError(name, "a row of its weights has " + std::to_string(w.row_channels) +
                                 " bytes a kernel position, the weight buffer holds " + std::to_string(row_bytes));
  for (const bool replicated : {false, true}) {
    if (replicated && chunk_taps < taps) continue;  // a pass must not span chunks
    const int tap_quads = replicated ? w.in_planes : divided_up(w.in_planes, hls::quads) * hls::quads;
    const int slots = replicated ? w.in_planes : tap_quads / hls::quads;
    const double passes = divided_up(taps * tap_quads, hls::quads);
    for_each_cut(w, slots, hls::tile_entries / (w.wide ? 2 : 1), [&](const Candidate& c) {
      const double chunks = divided_up(taps, chunk_taps), all_pixels = double(w.out_height) * w.out_width;
      const double pixels = all_pixels / c.tiles;
      const double compute = c.tiles * out_tiles * (array_cycles(passes, pixels) + (chunks - 1) * array_cycles(0, 0));
      Traffic moved = input_traffic(w, c), weights{};
      moved += output_traffic(w, c);
      weights.bytes = w.out_channels * (double(whole) + chunks * 4 * parameter_words);
      weights.bursts = w.out_channels * (w.runs ? double(taps) : chunks);
      moved += weights;
      const double ddr = c.tiles * (moved.cycles(bandwidth) + out_tiles * chunks * bandwidth.latency_cycles);
      // The first tile is loaded before anything is computed.
      const double cycles = std::max(compute, ddr) + input_traffic(w, c).cycles(bandwidth);
      if (best.cycles >= 0 && cycles >= best.cycles) return;
      best = {c.rows, c.cols, replicated, tap_quads, chunk_taps, cycles};
    });
  }
  if (best.cycles < 0) throw CompileError(name, "no tile of its input fits the input buffer");
  return best;
}

Tiling tile_window(const Work& w, const Bandwidth& bandwidth, const std::string& name) {
  Tiling best;
  best.cycles = -1;
  const int words = hls::finish_cycles * (w.wide ? 2 : 1);  // of an output pixel
  const int groups = divided_up(w.in_planes, hls::quads);
  for_each_cut(w, 1, hls::tile_entries / words, [&](const Candidate& c) {
    const double pixels = double(w.out_height) * w.out_width / c.tiles;
    const double compute = c.tiles * groups * window_cycles(pixels, w.attributes.kernel_h, w.attributes.kernel_w);
    Traffic moved = input_traffic(w, c);
    moved += output_traffic(w, c);
    const double ddr = c.tiles * (moved.cycles(bandwidth) + groups * bandwidth.latency_cycles);
    const double cycles = std::max(compute, ddr);
    if (best.cycles >= 0 && cycles >= best.cycles) return;
    best.rows = c.rows;
    best.cols = c.cols;
    best.cycles = cycles;
  });
  if (best.cycles < 0) throw CompileError(name, "no tile of its input fits the input buffer");
  return best;
}

}  // namespace z7020
}  // namespace automask
