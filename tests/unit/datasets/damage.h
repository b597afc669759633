#pragma once
// Random damage to valid files: cut, stretched, overwritten.
#include <algorithm>
#include <string>

#include "core/philox.h"

namespace automask::testing {

inline std::string damaged(std::string bytes, core::RandomStream& random, std::uint32_t header) {
  for (std::uint32_t edits = 1 + random.below(4); edits > 0; --edits) {
    const auto at = bytes.empty() ? 0 : random.below(static_cast<std::uint32_t>(bytes.size()));
    // The header, of about this many bytes, is where the interesting mistakes are.
    const auto early = std::min<std::size_t>(at, random.below(header));
    switch (random.below(6)) {
      case 0:
        bytes.resize(at);
        break;
      case 1:
        bytes.insert(at, 1 + random.below(9), static_cast<char>(random.next()));
        break;
      case 2:
        if (!bytes.empty()) bytes[at] = static_cast<char>(random.next());
        break;
      case 3:
        if (!bytes.empty()) bytes[early] = static_cast<char>(random.next());
        break;
      case 4:
        if (!bytes.empty()) bytes[early] = static_cast<char>(bytes[early] ^ (1 << random.below(8)));
        break;
      default:
        bytes.erase(at, 1 + random.below(3));
    }
  }
  return bytes;
}

}  // namespace automask::testing
