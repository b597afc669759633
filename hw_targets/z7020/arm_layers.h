#pragma once
// Layers that the engine does not have, on the ARM cores: plain loops over maps in DDR. C++14.
#include <cstdint>
#include <vector>

#include "hw_targets/z7020/compile.h"

namespace automask {
namespace z7020 {

// Values [C, H, W] of a map in DDR.
std::vector<std::int32_t> read_map(const Map& map, const std::uint32_t* words);

// Executes a layer whose unit is `arm`; `memory` is all of DDR that the program uses, `picture` the u8 [H, W, C] in it.
void execute_on_arm(const Program& program, const Layer& layer, const std::uint8_t* picture, std::uint32_t* memory);

}  // namespace z7020
}  // namespace automask
