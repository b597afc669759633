// The top function. Vitis HLS: `memory` becomes AXI masters on the HP ports, `commands` and the result AXI-Lite
// registers; build/ has the script. The loop below is what C simulation executes; within a step the order of the
// units does not matter, and tests turn it round.
#include "hw_targets/z7020/hls/units.h"

namespace automask {
namespace z7020 {
namespace hls {

std::uint32_t engine(word_t* memory, std::uint32_t commands, Buffers& buffers) {
  std::uint32_t executed = 0;
  for (;; ++executed) {
    Instruction i;
  fetch:
    for (int w = 0; w < instruction_words; ++w) {
#pragma HLS PIPELINE II = 1
      i[static_cast<std::size_t>(w)] = memory[commands + executed * instruction_words + static_cast<std::uint32_t>(w)];
    }
    switch (static_cast<Opcode>(opcode_byte(i))) {
      case Opcode::end:
        return executed;
      case Opcode::step:
        break;
      case Opcode::convolve:
        convolve(i, buffers);
        break;
      case Opcode::window:
        window(i, buffers);
        break;
      case Opcode::store:
        store(i, buffers, memory);
        break;
      default:
        load(i, memory, buffers);
    }
  }
}

}  // namespace hls
}  // namespace z7020
}  // namespace automask
