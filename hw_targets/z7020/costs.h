#pragma once
// What an instruction costs: cycles on chip, bytes and bursts of DDR. The compiler chooses tiles by it, the model adds
// it up; docs/z7020.md derives the formulas. C++14.
#include <cstdint>

#include "hw_targets/z7020/instructions.h"

namespace automask {
namespace z7020 {

// Cycles between an instruction's start and its first result leaving the unit: fetching and decoding it (16 words on a
// 64-bit port), address generation, DSP cascade, adder tree and requantiser. A stated assumption until a synthesis
// report or a board says otherwise.
constexpr int start_cycles = 32;

// DDR as the engine sees it at its clock.
struct Bandwidth {
  double bytes_per_cycle = 2.2e9 / 150e6;
  double burst_bytes = 16;     // of transfer time that beginning a burst costs
  double latency_cycles = 40;  // until a step's first word is there
};

struct Traffic {
  double bytes = 0, bursts = 0;
  Traffic& operator+=(const Traffic& o) {
    bytes += o.bytes;
    bursts += o.bursts;
    return *this;
  }
  double cycles(const Bandwidth& b) const {
    return bursts == 0 ? 0 : (bytes + bursts * b.burst_bytes) / b.bytes_per_cycle;
  }
};

Traffic traffic(const Instruction& i);  // of loads and store; the instruction itself left out
// Of computes; of loads and the store what their ports need, however fast DDR is.
double unit_cycles(const Instruction& i);

// The loop nest that this engine and others of its kind run a convolution by: so many input channels, output channels
// and pixels of a row each cycle, every one rounded up. The array here is {32, 12, 1}.
struct Parallel {
  int inputs, outputs, pixels;
};
double loop_cycles(const Parallel& p, int channels, int outputs, int taps, int height, int width);

// The array: passes of `pixels` positions. The stationary weights of the next pass need 16 cycles to be refilled.
double array_cycles(double passes, double pixels);
// The window unit: a kernel row takes a cycle per 3 columns, the requantisers 3 cycles for 32 channels.
double window_cycles(double pixels, int kernel_h, int kernel_w);

}  // namespace z7020
}  // namespace automask
