#pragma once
// The boards of the house, boards/*.json, built in. C++14.
#include <string>
#include <vector>

#include "hw_targets/z7020/board.h"

namespace automask {
namespace z7020 {

std::vector<std::string> board_names();  // the files' names without .json
// One of them, or else a file. Throws BoardError.
Board find_board(const std::string& name_or_file);

}  // namespace z7020
}  // namespace automask
