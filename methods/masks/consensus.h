#pragma once
// Which consensus weight to take where the manifest says "auto".
#include "methods/method.h"

namespace automask::methods {

// The largest candidate whose short training (methods/prerequisites.h) gave a network within one standard error of the
// best on the validation pictures, mean over the conditions by their frequencies: a deviation is kept only where it
// pays (the rule of Breiman et al., "Classification and regression trees", 1984, section 3.4.3). The error is that of
// a share of as many pictures as the split has, since all conditions show the same. `record` gets the candidates'
// accuracies and the error. Error(steps_failed) without validation pictures.
double chosen_consensus(const TrainJob& job, core::Json& record);

}  // namespace automask::methods
