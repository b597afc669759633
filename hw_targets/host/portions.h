#pragma once
// Pictures are given to a runner some at a time, so that neither its memory nor the host's has to hold a data set of
// large ones. Conditions whose portions fit together are measured by turns (hw_targets/host/interleave.h).
#include <cstddef>
#include <vector>

#include "hw_targets/host/interleave.h"

namespace automask::host {

// Pictures that a runner is asked to hold at once.
inline constexpr std::size_t held_bytes = std::size_t{1} << 29;

struct Portion {
  std::size_t condition = 0, first = 0, count = 0;  // pictures [first, first + count) of it
};

// How many portions `pictures` are cut into, as equal as can be: at least one, each with a picture at least.
std::vector<Portion> portions_of(std::size_t condition, std::size_t pictures, std::size_t picture_bytes,
                                 std::size_t most_bytes = held_bytes);

// All portions of conditions with so many pictures each, in `order` and each condition's own: what is measured
// together.
std::vector<std::vector<Portion>> groups_of(const std::vector<std::size_t>& pictures,
                                            const std::vector<std::size_t>& order, std::size_t picture_bytes,
                                            std::size_t most_bytes = held_bytes);

// The results of a condition's next pictures, behind those of its pictures before.
void append(CellResult& all, CellResult next);

}  // namespace automask::host
