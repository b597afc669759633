#pragma once
// A permutation drawn from a stream, the same everywhere; std::shuffle's differs between standard libraries.
#include <utility>
#include <vector>

#include "core/philox.h"

namespace automask::core {

// Fisher and Yates, from the end: one draw for each item but the first. At most 2^32 - 1 items.
template <class T>
void shuffle(std::vector<T>& items, RandomStream& random) {
  for (std::size_t i = items.size(); i > 1; --i)
    std::swap(items[i - 1], items[random.below(static_cast<std::uint32_t>(i))]);
}

}  // namespace automask::core
