#pragma once
// The pictures that INT8 ranges are calibrated on, the same for `automask run` and `automask export`.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "datasets/picture_set.h"
#include "hw_targets/compiler/quantise.h"

namespace automask::harness::steps {

// `wanted` training pictures at most for each condition of the package, corrupted as a first epoch shows them. A
// package with one network for all conditions gets one set, each picture under one of `conditions`, drawn at random.
std::vector<compiler::CalibrationPictures> calibration_sets(const package::Package& package,
                                                            const datasets::PictureSet& train,
                                                            const std::vector<std::string>& conditions,
                                                            std::size_t wanted, std::uint64_t seed);

}  // namespace automask::harness::steps
