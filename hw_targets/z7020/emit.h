#pragma once
// One condition's layers -> steps of instructions, and the lists and parameter blocks they read. C++14.
#include <cstdint>
#include <map>
#include <vector>

#include "hw_targets/z7020/compile.h"
#include "hw_targets/z7020/memory_map.h"
#include "hw_targets/z7020/weight_store.h"

namespace automask {
namespace z7020 {

// What a condition's code refers to.
struct Places {
  const WeightStore& store;
  const Kept& kept;
  const MemoryMap& map;
  std::uint32_t table = 0, picture = 0, arena = 0;  // word addresses
  std::uint32_t tables = 0;                         // where this condition's lists and blocks will lie
};

struct Code {
  struct Part {
    std::vector<Step> steps;  // empty: the ARM cores execute `layer`
    int layer = -1;           // of steps: -1 unless layers are apart
  };
  std::vector<Part> parts;
  std::vector<std::uint32_t> tables;
};

// Throws CompileError.
Code emit(const package::IntegerNetwork& network, const Lowered& lowered, const Places& places,
          const Bandwidth& bandwidth, Layers layers);

}  // namespace z7020
}  // namespace automask
