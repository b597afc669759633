#pragma once
// What a condition's command streams multiply, counted on the commands themselves. C++14.
#include <cstdint>

#include "hw_targets/z7020/compile.h"

namespace automask {
namespace z7020 {

// Multiply-accumulates of convolutions and linear layers per picture: outputs x taps x the channels in the layer's
// list, as the instructions and lists in DDR have them; holes, which fill up the array's lanes, count none. Layers of
// the ARM cores count by their maps. A mask that is not honoured shows here.
std::int64_t placed_macs(const Image& image, int condition);

}  // namespace z7020
}  // namespace automask
