#pragma once
// The training loop that all methods share, so that they differ in nothing but their recipe. No LibTorch here.
#include <vector>

#include "corruptions/condition.h"
#include "methods/method.h"

namespace automask::methods {

struct Recipe {
  std::vector<corruptions::Condition> conditions;  // what training pictures are shown under
  bool own_normalisation = false;                  // a normalisation per condition; batches come in parts
  bool masked = false;                             // channels are cut to the spec's budget
  double consensus = 1;                            // as in MethodSpec
};

models::Checkpoint run(const TrainJob& job, const Recipe& recipe);

}  // namespace automask::methods
