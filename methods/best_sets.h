#pragma once
// Which of a network's sets serves pictures that it was not trained on: measured, for the estimator to learn.
#include <string>
#include <vector>

#include "corruptions/condition.h"
#include "methods/method.h"

namespace automask::methods {

struct BestSet {
  corruptions::Condition condition;
  std::vector<double> top1;  // of each set, in percent
  int set = 0;               // the best; of equals the last, which is the general one where there is one
};

// Error(steps_failed) where one of spec.estimator.others is a condition of the job, which has a set of its own.
void check_others(const TrainJob& job);

// For each of spec.estimator.others, on a sample of the validation pictures, or of the training pictures where there
// are none.
std::vector<BestSet> best_sets(const TrainJob& job, const models::Checkpoint& checkpoint);

}  // namespace automask::methods
