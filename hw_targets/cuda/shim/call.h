#pragma once
// From a list of addresses, as Device::launch() has it, to a kernel's parameters.
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "hw_targets/cuda/constants.h"
#include "hw_targets/cuda/shim/grid.h"

namespace automask::cuda::shim {

extern Constants launched_constants;  // of the launch at work

// The value of every half, by its bits.
const float* half_table();

// Executes one thread's work.
struct Callable {
  void (*call)(const std::vector<std::uint64_t>& arguments) = nullptr;  // nullptr: there is no such kernel
  std::size_t parameters = 0;
};

template <auto kernel, class... Parameters, std::size_t... at>
void call_with(void (*)(Parameters...), const std::vector<std::uint64_t>& arguments, std::index_sequence<at...>) {
  if (arguments.size() != sizeof...(Parameters))
    throw std::logic_error("a kernel with " + std::to_string(sizeof...(Parameters)) + " parameters got " +
                           std::to_string(arguments.size()));
  kernel(reinterpret_cast<Parameters>(static_cast<std::uintptr_t>(arguments[at]))...);
}

template <auto kernel>
struct Caller;
template <class... Parameters, void (*kernel)(Parameters...)>
struct Caller<kernel> {
  static void call(const std::vector<std::uint64_t>& arguments) {
    call_with<kernel>(kernel, arguments, std::index_sequence_for<Parameters...>());
  }
  static constexpr Callable callable{call, sizeof...(Parameters)};
};

constexpr int checked_registers = 64;
inline void check_registers(int count) {
  if (count > checked_registers) throw std::logic_error("a tile needs too many registers");
}

Callable find_kernel_float(const char* name);
Callable find_kernel_half(const char* name);

}  // namespace automask::cuda::shim
