#pragma once
// Where a network's maps lie in DDR: maps that don't live at the same time share memory. C++14.
#include <cstdint>
#include <vector>

#include "hw_targets/z7020/layers.h"

namespace automask {
namespace z7020 {

struct MemoryMap {
  std::vector<std::uint32_t> address;  // per map of `lowered`, from the arena's beginning, in words
  std::vector<int> storage;            // per map: equal where they lie in one storage
  std::vector<int> first_plane;        // per map, in its storage
  std::uint32_t words = 0;             // of the arena
};
MemoryMap map_memory(const Lowered& lowered);

}  // namespace z7020
}  // namespace automask
