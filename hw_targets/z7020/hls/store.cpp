#include "hw_targets/z7020/hls/units.h"

namespace automask {
namespace z7020 {
namespace hls {

void store(const Instruction& i, const Buffers& b, word_t* memory) {
  const int rows = get(i, field::rows), cols = get(i, field::cols), planes = get(i, field::planes);
  const int words = get(i, field::by_three) != 0 ? 3 : 1, half = get(i, field::half);
planes:
  for (int p = 0; p < planes; ++p)
  rows:
    for (int y = 0; y < rows; ++y) {
      word_t* to = memory + get_unsigned(i, field::address) + std::uint32_t(p) * get_unsigned(i, field::plane_pitch) +
                   std::uint32_t(y) * get_unsigned(i, field::row_pitch);
    cols:
      for (int x = 0; x < cols; ++x) {
#pragma HLS PIPELINE II = 1
        to[x] = b.output[half][(y * cols + x) * words + p / output_quads][p % output_quads];
      }
    }
}

}  // namespace hls
}  // namespace z7020
}  // namespace automask
