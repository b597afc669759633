#pragma once
// The engine's control registers on AXI-Lite, byte addresses: what top.cpp asks Vitis HLS for, and the board's program
// writes and reads. The first five are Vitis HLS's own (UG1399, "S_AXILITE Control Register Map"). C++14.
#include <cstdint>

namespace automask {
namespace z7020 {
namespace registers {

constexpr std::uint32_t control = 0x00;  // start, done (cleared by reading), idle, ready
constexpr std::uint32_t global_interrupt = 0x04;
constexpr std::uint32_t interrupt_enable = 0x08;
constexpr std::uint32_t interrupt_status = 0x0c;  // writing 1 toggles a bit
constexpr std::uint32_t executed = 0x10;          // instructions of the last stream
constexpr std::uint32_t read0 = 0x18;             // bus addresses of DDR's word 0, one for each use of a master
constexpr std::uint32_t read1 = 0x20;
constexpr std::uint32_t read2 = 0x28;
constexpr std::uint32_t read3 = 0x30;
constexpr std::uint32_t write0 = 0x38;
constexpr std::uint32_t write1 = 0x40;
constexpr std::uint32_t write2 = 0x48;
constexpr std::uint32_t stream = 0x50;
constexpr std::uint32_t commands = 0x58;  // word address of a stream's first instruction
constexpr std::uint32_t version = 0x60;   // written by each run
constexpr std::uint32_t bytes = 0x1000;   // what the device tree gives the engine

// Bits of `control`.
constexpr std::uint32_t start = 1, done = 2, idle = 4;

// What the engine must answer: 'Z7' and the number of the command stream's form and of this page. A change of either
// raises it.
constexpr std::uint32_t engine_version = 0x5a370002;

}  // namespace registers
}  // namespace z7020
}  // namespace automask
