#pragma once
// Command streams as text, one instruction a line. C++14.
#include <string>

#include "hw_targets/z7020/instructions.h"

namespace automask {
namespace z7020 {

const char* name_of(const Instruction& i);  // "convolve"; "unknown" where there is no such opcode

// "convolve input_half 1 rows 30 cols 28 ...": the fields of the opcode that are not 0.
std::string disassemble(const Instruction& i);
// The stream at this word address up to its `end`, or to the end of the words; steps are numbered.
std::string disassemble(const std::uint32_t* words, std::uint32_t size, std::uint32_t commands);

}  // namespace z7020
}  // namespace automask
