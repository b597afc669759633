#pragma once
// Network slimming's loss: an L1 penalty draws the scales of normalisations to 0 until masks freeze (Liu et al., ICCV
// 2017, equation 1; `slimming_penalty` is its lambda).
#include "methods/objectives/objective.h"
#include "methods/training/trainer.h"

namespace automask::methods {

class SlimmingObjective : public Objective {
 public:
  using Objective::Objective;
  torch::Tensor loss(models::Network& network, const Shown& part) override;
  // Of all conditions' normalisations; undefined once masks are frozen: what is left is to be used.
  torch::Tensor penalty(models::Network& network, std::int64_t step) override;

 private:
  std::int64_t steps_ = 0;  // of the training
};

// Gives a recipe this loss where the spec's scorer is slimming.
void use_slimming(Recipe& recipe, const MethodSpec& spec);

}  // namespace automask::methods
