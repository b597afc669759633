#pragma once
// The engine's units. Within a step each works on halves of the buffers that no other of its instructions touches, so
// they run at the same time. `memory` is all of DDR that the engine sees, in words; each of the 4 ports moves its own
// share of a load or store, two words a cycle. Fields are trusted: check.h looks at a stream before it is executed.
// C++14.
#include "hw_targets/z7020/hls/buffers.h"
#include "hw_targets/z7020/instructions.h"

namespace automask {
namespace z7020 {
namespace hls {

void load(const Instruction& i, const word_t* memory, int port, Buffers& buffers);  // every load_*
void convolve(const Instruction& i, Buffers& buffers);                              // the 32 x 12 array
void window(const Instruction& i, Buffers& buffers);                                // 32 channels, 3 taps a cycle
void store(const Instruction& i, const Buffers& buffers, int port, word_t* memory);

// Executes one instruction of a step, whichever unit it is for; `step` and `end` do nothing.
void execute(const Instruction& i, word_t* memory, Buffers& buffers);

// A step's instructions, up to and with its `step` or `end`.
struct Step {
  Instruction list[step_instructions];
  int count;
  bool ends;
};
void fetch(const word_t* memory, std::uint32_t address, Step& step);

// All of DDR, once for every process that moves words of it.
struct Masters {
  const word_t *read0, *read1, *read2, *read3;
  word_t *write0, *write1, *write2;
  const word_t* stream;
};
inline Masters masters(word_t* memory) { return {memory, memory, memory, memory, memory, memory, memory, memory}; }

// Executes steps from word address `commands` until `end`; how many instructions there were.
std::uint32_t engine(const Masters& masters, std::uint32_t commands, Buffers& buffers);

}  // namespace hls
}  // namespace z7020
}  // namespace automask
