#pragma once
// The operators that AugMix mixes (Hendrycks et al., "AugMix", ICLR 2020, arXiv:1912.02781, section 3 and appendix C):
// those of AutoAugment without what ImageNet-C's corruptions are made of (contrast, colour, brightness, sharpness).
// Magnitudes as in the paper's code (github.com/google-research/augmix, augmentations.py). No LibTorch here.
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "core/philox.h"
#include "graph/graph.h"

namespace automask::methods {

using Pixels = std::vector<std::uint8_t>;  // [H, W, C]

// `level` in (0, 10] is how strong; the sign of a movement comes from `random`. What moves in from outside is black.
struct AugmixOperator {
  std::string_view name;
  Pixels (*apply)(const Pixels& picture, graph::Shape shape, double level, core::RandomStream& random);
};
std::span<const AugmixOperator> augmix_operators();

}  // namespace automask::methods
