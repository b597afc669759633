#pragma once
// What exceptions that libraries throw say to a user.
#include <exception>
#include <string>

namespace automask::core {

// LibTorch's have a backtrace behind their first line.
std::string first_line(const std::exception& error);

// Also of what LibTorch throws where others throw std::bad_alloc, on the processor and on a GPU.
bool out_of_memory(const std::exception& error);

}  // namespace automask::core
