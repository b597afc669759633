#pragma once
// What nearly every source of this room needs of arithmetic. C++14.
#include <cstddef>

namespace automask {
namespace z7020 {

// Nodes, maps and layers are numbered by int; numbers that stand for none are asked for first.
inline std::size_t index(int i) { return static_cast<std::size_t>(i); }

template <class Integer>
Integer divided_up(Integer a, Integer b) {
  return (a + b - 1) / b;
}

}  // namespace z7020
}  // namespace automask
