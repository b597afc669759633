#include "hw_targets/z7020/hls/units.h"

namespace automask {
namespace z7020 {
namespace hls {
namespace {

Opcode opcode_of(const Instruction& i) { return static_cast<Opcode>(opcode_byte(i)); }

bool is_load(Opcode opcode) { return opcode >= Opcode::load_planes && opcode <= Opcode::load_residual; }

// Each unit takes its own instructions out of a step. One function per port, so that as many loaders are built.
template <int port>
void load_step(const Step& step, const word_t* memory, Buffers& b) {
#pragma HLS INLINE off
loads:
  for (int n = 0; n < step.count; ++n)
    if (is_load(opcode_of(step.list[n]))) load(step.list[n], memory, port, b);
}

void compute_step(const Step& step, Buffers& b) {
#pragma HLS INLINE off
computes:
  for (int n = 0; n < step.count; ++n) {
    if (opcode_of(step.list[n]) == Opcode::convolve) convolve(step.list[n], b);
    if (opcode_of(step.list[n]) == Opcode::window) window(step.list[n], b);
  }
}

template <int port>
void store_step(const Step& step, const Buffers& b, word_t* memory) {
#pragma HLS INLINE off
stores:
  for (int n = 0; n < step.count; ++n)
    if (opcode_of(step.list[n]) == Opcode::store) store(step.list[n], b, port, memory);
}

// The next step, unless this one is the last.
void fetch_step(const word_t* memory, std::uint32_t address, bool wanted, Step& step) {
#pragma HLS INLINE off
  if (wanted) fetch(memory, address, step);
}

// All processes of a round work at the same time: the stream promises that no two of them touch the same half of a
// buffer, or of DDR what another one writes. That is why the buffers are `unsync` (top.cpp).
void round(const Masters& m, std::uint32_t next_address, const Step& step, Step& next, Buffers& b) {
#pragma HLS DATAFLOW
  fetch_step(m.stream, next_address, !step.ends, next);
  load_step<0>(step, m.read0, b);
  load_step<1>(step, m.read1, b);
  load_step<2>(step, m.read2, b);
  load_step<3>(step, m.read3, b);
  compute_step(step, b);
  store_step<0>(step, b, m.write0);
  store_step<1>(step, b, m.write1);
  store_step<2>(step, b, m.write2);
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

std::uint32_t engine(const Masters& masters, std::uint32_t commands, Buffers& b) {
  Step even, odd;  // one is executed while the other is fetched; every process reads the first
#pragma HLS STREAM variable = even.list type = unsync
#pragma HLS STREAM variable = odd.list type = unsync
  std::uint32_t executed = 0;
  fetch(masters.stream, commands, even);
rounds:
  for (;;) {
    executed += static_cast<std::uint32_t>(even.count);
    round(masters, commands + executed * instruction_words, even, odd, b);
    if (even.ends) return executed;
    executed += static_cast<std::uint32_t>(odd.count);
    round(masters, commands + executed * instruction_words, odd, even, b);
    if (odd.ends) return executed;
  }
}

}  // namespace hls
}  // namespace z7020
}  // namespace automask
