#pragma once
// Random fields of float from a stream's words, one word a number.
#include <span>

#include "core/philox.h"

namespace automask::corruptions {

// N(0, 1): the normal quantile of (word + 1/2) / 2^32, by linear interpolation between 4,097 exact values; exact in the
// outer tails. Off by less than 2e-4.
void fill_normal(core::RandomStream& random, std::span<float> out);
float normal_of(std::uint32_t word);

// [-1, 1), 31 bits and sign rounded to float.
void fill_uniform(core::RandomStream& random, std::span<float> out);

}  // namespace automask::corruptions
