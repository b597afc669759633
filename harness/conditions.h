#pragma once
// Which of a network's sets of masks and normalisation serves a condition.
#include <algorithm>
#include <string>
#include <vector>

#include "methods/masks/widths.h"

namespace automask::harness {

// A set that belongs to no condition: the only one there is, or a width, which the user selects.
inline bool serves_all(const std::string& set) { return set == "*" || set.starts_with(methods::width_prefix); }

// Index of the condition's own, else of the first: the one that serves all where there is but one.
inline int serving_set(const std::vector<std::string>& trained, const std::string& condition) {
  const auto found = std::find(trained.begin(), trained.end(), condition);
  return found == trained.end() ? 0 : static_cast<int>(found - trained.begin());
}

}  // namespace automask::harness
