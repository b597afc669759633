#pragma once
// The integer reference: slow, and plainly docs/package.md section 10. What every integer runner is compared with, bit
// for bit. C++14.
#include <cstdint>
#include <vector>

#include "hw_targets/package/integer.h"

namespace automask {
namespace package {

// One picture u8 [H, W, C] -> every node's values [C, H, W] as integers, in the order of the graph. The values of a
// softmax are its input's.
std::vector<std::vector<std::int32_t>> reference_values(const IntegerNetwork& network, const std::uint8_t* picture);
// The logits alone.
std::vector<float> reference_logits(const IntegerNetwork& network, const std::uint8_t* picture);

}  // namespace package
}  // namespace automask
