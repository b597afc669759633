#pragma once
// Damage as fuzz tests want it: bytes replaced, taken out, put in.
#include <algorithm>
#include <random>
#include <string>

namespace automask::damage {

// So many changes within the first `reach` bytes. What is put in are marks that a JSON parser looks at.
inline void change_bytes(std::string& bytes, std::mt19937& random, unsigned changes,
                         std::size_t reach = std::string::npos) {
  for (; changes > 0; --changes) {
    const std::size_t at = random() % std::min(reach, bytes.size());
    switch (random() % 3) {
      case 0:
        bytes[at] = static_cast<char>(random());
        break;
      case 1:
        bytes.erase(at, 1 + random() % 8);
        break;
      case 2:
        bytes.insert(at, 1 + random() % 8, "\"0[]{},:"[random() % 8]);
        break;
    }
  }
}

}  // namespace automask::damage
