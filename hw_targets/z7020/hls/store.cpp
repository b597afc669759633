#include "hw_targets/z7020/hls/units.h"

namespace automask {
namespace z7020 {
namespace hls {

// Plane p is port p % 3's: the three quads of an output word lie in banks of their own.
void store(const Instruction& i, const Buffers& b, int port, word_t* memory) {
  const int rows = get(i, field::rows), cols = get(i, field::cols), planes = get(i, field::planes);
  const int words = get(i, field::by_three) != 0 ? finish_cycles : 1, half = get(i, field::half);
  if (port >= output_quads) return;
planes:
  for (int p = port; p < planes; p += output_quads)
  rows:
    for (int y = 0; y < rows; ++y) {
      word_t* to = memory + get_unsigned(i, field::address) + std::uint32_t(p) * get_unsigned(i, field::plane_pitch) +
                   std::uint32_t(y) * get_unsigned(i, field::row_pitch);
    cols:
      for (int x = 0; x < cols; x += port_words) {
#pragma HLS PIPELINE II = 1
        for (int w = 0; w < port_words; ++w)
          if (x + w < cols) to[x + w] = b.output[half][(y * cols + x + w) * words + p / output_quads][p % output_quads];
      }
    }
}

}  // namespace hls
}  // namespace z7020
}  // namespace automask
