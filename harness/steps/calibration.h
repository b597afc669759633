#pragma once
// The pictures that INT8 ranges are calibrated on, the same for `automask run` and `automask export`.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "datasets/picture_set.h"
#include "hw_targets/compiler/quantise.h"

namespace automask::harness::steps {

// The training pictures of these numbers, in that order.
using LoadPictures = std::function<datasets::PictureSet(const std::vector<std::uint32_t>& numbers)>;

// `wanted` of the `count` training pictures at most for each condition of the package, corrupted as a first epoch shows
// them; only they are loaded. A package with one network for all conditions gets one set, each picture under one of
// `conditions`, drawn at random.
std::vector<compiler::CalibrationPictures> calibration_sets(const package::Package& package, std::size_t count,
                                                            const LoadPictures& load,
                                                            const std::vector<std::string>& conditions,
                                                            std::size_t wanted, std::uint64_t seed, int threads);

}  // namespace automask::harness::steps
