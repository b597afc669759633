#pragma once
// Which of a network's sets of masks and normalisation belong to no condition.
#include <string>

#include "methods/masks/widths.h"

namespace automask::harness {

// The only one there is, the general one behind those of conditions, or a width, which the user selects.
inline bool serves_all(const std::string& set) { return set == "*" || set.starts_with(methods::width_prefix); }

}  // namespace automask::harness
