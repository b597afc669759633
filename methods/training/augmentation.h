#pragma once
// What a training picture goes through before its condition, so that a camera's faults lie over it as they would over
// any scene: mirrored left to right, moved by a few pixels. No LibTorch here.
#include <cstdint>
#include <vector>

#include "datasets/picture_set.h"

namespace automask::methods {

struct Augmentation {
  double flip = 0;  // probability of being mirrored, [0, 1]
  int crop = 0;  // moved by up to so many pixels along each axis, uniformly; what comes in is the picture mirrored at
                 // its edge, so less than the picture's sides. 0: not moved
  bool none() const { return flip == 0 && crop == 0; }
};

// The picture's bytes [H, W, C] as an epoch's view of it: a pure function of seed, picture and view.
std::vector<std::uint8_t> augmented(const datasets::PictureSet& set, std::uint32_t picture,
                                    const Augmentation& augmentation, std::uint64_t seed, std::uint32_t view);

}  // namespace automask::methods
