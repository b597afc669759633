#pragma once
#include "datasets/picture_set.h"
#include "models/checkpoint.h"

namespace automask::methods {

// Mean and deviation per channel over the pictures; sums of integers, so exact in any order.
models::InputScaling scaling_of(const datasets::PictureSet& set);

}  // namespace automask::methods
