#pragma once
// The answer to a picture under a condition must be that to the clean picture: their Jensen-Shannon divergence is part
// of the loss. The clean one is shown to the set of the condition `clean`, where conditions have sets of their own.
#include "methods/objectives/objective.h"
#include "methods/training/trainer.h"

namespace automask::methods {

class CleanConsistencyObjective : public Objective {
 public:
  // clean_set: of the network; -1 where all pictures go through one set.
  CleanConsistencyObjective(const MethodSpec& spec, int clean_set) : Objective(spec), clean_set_(clean_set) {}
  // views: as shown, and clean.
  torch::Tensor loss(models::Network& network, const Shown& part) override;
  // One set sees both views in one batch; sets of their own see what they are shown.
  torch::Tensor calibration(const Shown& part) const override;

 private:
  int clean_set_;
};

// Gives a recipe this loss where the spec has a weight for it. Error(steps_failed) where sets are the conditions' own
// and no condition is clean.
void use_clean_consistency(Recipe& recipe, const MethodSpec& spec);

}  // namespace automask::methods
