#pragma once
// Which consensus weight to take where the manifest says "auto".
#include "methods/method.h"

namespace automask::methods {

// The candidate whose short training (methods/prerequisites.h) gave the best network on the validation pictures, mean
// over the conditions by their frequencies; the larger of equals. `record` gets the candidates' accuracies.
// Error(steps_failed) without validation pictures.
double chosen_consensus(const TrainJob& job, core::Json& record);

}  // namespace automask::methods
