#pragma once
// How a layer is cut to fit the buffers. C++14.
#include "hw_targets/z7020/costs.h"
#include "hw_targets/z7020/layers.h"

namespace automask {
namespace z7020 {

// A layer for the array or the window unit: its input and output maps, and how its kernel moves.
struct Work {
  int in_height = 1, in_width = 1, out_height = 1, out_width = 1;
  int in_planes = 1, out_channels = 1;
  int row_channels = 1;  // bytes of a kernel position of an output that are loaded
  bool runs = false;     // each kernel position is a burst of its own: not all of its bytes are loaded
  graph::Attributes attributes;
  bool picture = false, residual = false, wide = false;
};

// Rows and columns of output that are computed from one tile of the input, which is whole in its channels.
struct Tiling {
  int rows = 1, cols = 1;
  bool replicated = false;  // kernel positions and planes share the 8 quads freely: few planes leave no lanes idle
  int tap_quads = 8;        // quads of a tap
  int chunk_taps = 1;       // taps whose weights fit the weight buffer at once
  double cycles = 0;        // estimated
};

// Input rows (or columns) [first, first + count) that outputs [begin, begin + size) read: clipped to the map; and where
// the window of the first begins, counted from there.
struct Span {
  int first = 0, count = 1, origin = 0;
};
Span span(int begin, int size, int stride, int pad, int extent, int map);

// The fastest that fits, by costs.h. Throws CompileError(name, ...) where none does.
Tiling tile_array(const Work& work, const Bandwidth& bandwidth, const std::string& name);
Tiling tile_window(const Work& work, const Bandwidth& bandwidth, const std::string& name);

}  // namespace z7020
}  // namespace automask
