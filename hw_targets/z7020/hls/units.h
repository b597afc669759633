#pragma once
// The engine's units. Within a step each works on halves of the buffers that no other of its instructions touches, so
// they may run at the same time. `memory` is all of DDR that the engine sees, in words. Fields are trusted: check.h
// looks at a stream before it is executed. C++14.
#include "hw_targets/z7020/hls/buffers.h"
#include "hw_targets/z7020/instructions.h"

namespace automask {
namespace z7020 {
namespace hls {

void load(const Instruction& i, const word_t* memory, Buffers& buffers);  // every load_*
void convolve(const Instruction& i, Buffers& buffers);                    // the 32 x 12 array
void window(const Instruction& i, Buffers& buffers);                      // 32 channels, 3 taps a cycle
void store(const Instruction& i, const Buffers& buffers, word_t* memory);

// Executes instructions from word address `commands` until `end`; how many there were.
std::uint32_t engine(word_t* memory, std::uint32_t commands, Buffers& buffers);

}  // namespace hls
}  // namespace z7020
}  // namespace automask
