#pragma once
// One AugMix view of a picture: chains of operators mixed with each other and with the picture. No LibTorch here.
#include "methods/catalogue.h"
#include "methods/objectives/augmix_operators.h"

namespace automask::methods {

// Uniform over `width` weights >= 0 that sum to 1: Dirichlet(1, ..., 1).
std::vector<double> mixing_weights(int width, core::RandomStream& random);

// (1 - m) x + m sum_i w_i chain_i(x), m uniform, rounded to u8.
Pixels augmix(const Pixels& picture, graph::Shape shape, const AugmixOptions& options, core::RandomStream& random);

}  // namespace automask::methods
