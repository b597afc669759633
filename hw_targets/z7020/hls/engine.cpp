#include "hw_targets/z7020/hls/units.h"

namespace automask {
namespace z7020 {
namespace hls {
namespace {

Opcode opcode_of(const Instruction& i) { return static_cast<Opcode>(opcode_byte(i)); }

bool is_load(Opcode opcode) { return opcode >= Opcode::load_planes && opcode <= Opcode::load_residual; }

// Each unit takes its own instructions out of a step. One function per port, so that four loaders are built.
void load_step(const Step& step, const word_t* memory, int port, Buffers& b) {
loads:
  for (int n = 0; n < step.count; ++n)
    if (is_load(opcode_of(step.list[n]))) load(step.list[n], memory, port, b);
}

void compute_step(const Step& step, Buffers& b) {
computes:
  for (int n = 0; n < step.count; ++n) {
    if (opcode_of(step.list[n]) == Opcode::convolve) convolve(step.list[n], b);
    if (opcode_of(step.list[n]) == Opcode::window) window(step.list[n], b);
  }
}

void store_step(const Step& step, const Buffers& b, int port, word_t* memory) {
stores:
  for (int n = 0; n < step.count; ++n)
    if (opcode_of(step.list[n]) == Opcode::store) store(step.list[n], b, port, memory);
}

}  // namespace

void execute(const Instruction& i, word_t* memory, Buffers& buffers) {
  const Opcode opcode = opcode_of(i);
  for (int port = 0; port < ports; ++port) {
    if (is_load(opcode)) load(i, memory, port, buffers);
    if (opcode == Opcode::store) store(i, buffers, port, memory);
  }
  if (opcode == Opcode::convolve) convolve(i, buffers);
  if (opcode == Opcode::window) window(i, buffers);
}

void fetch(const word_t* memory, std::uint32_t address, Step& step) {
  step.count = 0;
  step.ends = true;  // should a step be too long
fetch:
  for (int n = 0; n < step_instructions; ++n) {
    for (int w = 0; w < instruction_words; ++w) {
#pragma HLS PIPELINE II = 1
      step.list[n][static_cast<std::size_t>(w)] =
          memory[address + static_cast<std::uint32_t>(n * instruction_words + w)];
    }
    ++step.count;
    const Opcode opcode = opcode_of(step.list[n]);
    if (opcode != Opcode::step && opcode != Opcode::end) continue;
    step.ends = opcode == Opcode::end;
    return;
  }
}

// The calls of one round work on different halves of every buffer and may run at the same time: the next step is
// fetched, tiles are loaded by four ports, one is computed, one is stored.
std::uint32_t engine(word_t* port0, word_t* port1, word_t* port2, word_t* port3, std::uint32_t commands, Buffers& b) {
  Step steps[halves];
  std::uint32_t executed = 0;
  fetch(port0, commands, steps[0]);
rounds:
  for (int half = 0;; half ^= 1) {
    const Step& step = steps[half];
    executed += static_cast<std::uint32_t>(step.count);
    if (!step.ends) fetch(port0, commands + executed * instruction_words, steps[half ^ 1]);
    load_step(step, port0, 0, b);
    load_step(step, port1, 1, b);
    load_step(step, port2, 2, b);
    load_step(step, port3, 3, b);
    compute_step(step, b);
    store_step(step, b, 0, port0);
    store_step(step, b, 1, port1);
    store_step(step, b, 2, port2);
    if (step.ends) return executed;
  }
}

}  // namespace hls
}  // namespace z7020
}  // namespace automask
