#pragma once
// What the engine has on chip. Every buffer that DDR fills or empties has two halves: while one is computed on, the
// other is moved. C++14.
#include "hw_targets/z7020/hls/parameters.h"
#include "hw_targets/z7020/hls/types.h"

namespace automask {
namespace z7020 {
namespace hls {

// docs/package.md section 10: clamp((sum + bias) * multiplier / 2^shift, halves rounded up).
struct Requantiser {
  std::int32_t bias;
  std::int16_t multiplier;
  std::uint8_t shift;
};

struct Buffers {
  // Pixel (y, x) of a tile's plane: word (slot x rows + y) x ceil(cols / 4) + x / 4 of column x % 4, where plane p is
  // slot p / 8 of quad bank p % 8; replicated, slot p of all of them.
  word_t input[halves][quads][columns][input_words];
  word_t weights[halves][outputs][weight_words];  // bytes as they lie in the stored rows, from the first tap on
  Requantiser requantisers[halves][lanes];
  word_t filters[halves][lanes][filter_words];  // 4 taps a word
  std::uint16_t list[halves][list_entries];
  sum_t accumulators[tile_entries][outputs];
  word_t output[halves][tile_entries][output_quads];
  word_t residual[halves][tile_entries][output_quads];
  std::uint32_t reciprocal[reciprocals + 1];  // of a count
  std::int8_t table[table_channels][256];
};

}  // namespace hls
}  // namespace z7020
}  // namespace automask
