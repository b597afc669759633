#pragma once
// Copies to and from memory that a board's engine shares. Linux maps it without cache, and as a device's memory it may
// refuse what memcpy() does: accesses that are not aligned. C++14.
#include <cstddef>
#include <cstdint>

namespace automask {
namespace z7020 {

inline void copy_words(const std::uint32_t* from, std::size_t count, std::uint32_t* to) {
  volatile std::uint32_t* out = to;
  for (std::size_t i = 0; i < count; ++i) out[i] = from[i];
}

// Bytes, the first in a word's lowest; the last word is filled up with 0.
inline void copy_bytes(const std::uint8_t* from, std::size_t count, std::uint32_t* to) {
  volatile std::uint32_t* out = to;
  for (std::size_t i = 0; i < count; i += 4) {
    std::uint32_t word = 0;
    for (std::size_t b = 0; b < 4 && i + b < count; ++b) word |= std::uint32_t(from[i + b]) << (8 * b);
    out[i / 4] = word;
  }
}

}  // namespace z7020
}  // namespace automask
