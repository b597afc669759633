#pragma once
// The union's weights as they lie in DDR, once for all conditions but for a private stem's, and which of them a
// condition keeps. C++14.
//
// One row per output channel of the union. For the array: [tap][channel], each tap padded to whole words, so that taps
// can be loaded apart; channels that more conditions keep stand first, so that what a condition loads of a tap lies
// together. [tap] for depthwise filters. A row begins at a word.
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "hw_targets/package/package.h"

namespace automask {
namespace z7020 {

struct StoredRows {
  std::uint32_t address = 0;  // of row 0, in words
  std::uint32_t pitch = 0;    // words of a row
  int taps = 1, channels = 1;
  int tap_bytes = 4;       // whole words, unless they are depthwise filters
  std::vector<int> place;  // per channel: its byte in a tap
};

// Of a condition's network, by layer (conv2d, linear) of the graph: the rows of the union that its outputs are, and the
// union's channel that each of its input's channels is.
struct Kept {
  std::map<std::string, std::vector<int>> outputs, inputs;
  int condition = 0;
};
Kept kept_channels(const package::Package& package, int condition);
Kept all_channels(const package::IntegerNetwork& network);

struct WeightStore {
  std::vector<std::uint32_t> words;  // from DDR's word 0 on
  std::map<std::string, StoredRows> rows;
  std::map<std::pair<std::string, int>, StoredRows> own_rows;  // of a private stem, by layer and condition
  const StoredRows& rows_of(const std::string& layer, const Kept& kept) const;
};
WeightStore store_weights(const package::Package& package);         // INT8
WeightStore store_weights(const package::IntegerNetwork& network);  // its own union

}  // namespace z7020
}  // namespace automask
