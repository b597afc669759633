#include "hw_targets/z7020/resources.h"

#include "hw_targets/z7020/hls/parameters.h"

namespace automask {
namespace z7020 {
namespace {

// A RAMB36 is 1024 words of 36 bits or 2048 of 18.
constexpr int memories(int words, int bits) {
  const int depth = bits <= 18 ? 2048 : 1024, width = bits <= 18 ? 18 : 36;
  return (words + depth - 1) / depth * ((bits + width - 1) / width);
}

}  // namespace

std::vector<Resource> resources() {
  using namespace hls;
  std::vector<Resource> list = {
      {"array: two products of 8 x 8 bits each", lanes * pairs, 0},
      // 33 bits by 16: two 25 x 18 multipliers.
      {"requantisers", outputs * 2, 0},
      // A quad bank's column is a memory of its own, so that 4 adjacent pixels can be read at once.
      {"input buffer", 0, halves * quads * columns * memories(input_words, 32)},
      {"weight buffer", 0, halves * outputs * memories(weight_words, 32)},
      {"channel lists, for masks alone", 0, masks ? halves * memories(list_entries, 16) : 0},
      {"accumulators", 0, outputs * memories(tile_entries, 32)},
      {"output buffer", 0, halves * output_quads * memories(tile_entries, 32)},
      {"residual buffer", 0, halves * output_quads * memories(tile_entries, 32)},
      // Assumed: what Vitis HLS puts in front of an AXI master. Filters, parameters, tables and instructions are small
      // and lie in LUTs, as do the window unit's multipliers and the residual's.
      {"AXI masters", 0, ports},
  };
  Resource total{"total", 0, 0};
  for (const Resource& resource : list) {
    total.dsp48e1 += resource.dsp48e1;
    total.ramb36 += resource.ramb36;
  }
  list.push_back(total);
  return list;
}

}  // namespace z7020
}  // namespace automask
