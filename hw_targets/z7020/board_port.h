#pragma once
// The engine on a board, through Linux's UIO: registers and buffer mapped into the program. C++14.
#include <memory>

#include "hw_targets/z7020/board_files.h"
#include "hw_targets/z7020/port.h"

namespace automask {
namespace z7020 {

// Lets the engine execute an empty stream, and compares its version. Throws PortError where it does not answer, is
// another version's, or is used by another program.
std::unique_ptr<Port> board_port(BoardFiles files, const BoardOptions& options);

}  // namespace z7020
}  // namespace automask
