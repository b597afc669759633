#pragma once
// One AugMix view of a picture: chains of operators mixed with each other and with the picture. No LibTorch here.
#include "methods/augmix_operators.h"

namespace automask::methods {

// The paper's values for CIFAR (section 4.1); `alpha`, of Dirichlet and Beta, is 1 there and here.
struct AugmixOptions {
  int width = 3;        // chains
  int depth = 0;        // operators of a chain; 0: one to three, drawn anew
  double severity = 3;  // an operator's level is drawn from [0.1, severity)
  double weight = 12;   // of the Jensen-Shannon divergence in the loss
};

// Uniform over `width` weights >= 0 that sum to 1: Dirichlet(1, ..., 1).
std::vector<double> mixing_weights(int width, core::RandomStream& random);

// (1 - m) x + m sum_i w_i chain_i(x), m uniform, rounded to u8.
Pixels augmix(const Pixels& picture, graph::Shape shape, const AugmixOptions& options, core::RandomStream& random);

}  // namespace automask::methods
