#pragma once
// Which consensus weight to take where the manifest says "auto".
#include "methods/trainer.h"

namespace automask::methods {

// Trains `recipe` shortly with each of 0.3, 0.6 and 1 and takes the one whose network is best on the validation
// pictures, mean over the conditions by their frequencies; the larger of equals. The short trainings' seed is the same
// whatever the job's, so that all seeds of an experiment choose alike. `record` gets the candidates' accuracies.
// Finished candidates are kept in the job's work folder. Error(steps_failed) without validation pictures.
double chosen_consensus(const TrainJob& job, Recipe recipe, core::Json& record);

}  // namespace automask::methods
