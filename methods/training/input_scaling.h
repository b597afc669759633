#pragma once
#include "datasets/picture_set.h"
#include "methods/method.h"
#include "models/checkpoint.h"

namespace automask::methods {

// Mean and deviation per channel over the pictures; sums of integers, so exact in any order and on any threads.
models::InputScaling scaling_of(const datasets::PictureSet& set, int threads);
// What the model's published weights expect, else that of the training pictures.
models::InputScaling input_scaling_of(const TrainJob& job);

}  // namespace automask::methods
