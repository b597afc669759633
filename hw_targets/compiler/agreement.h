#pragma once
// How often a package in another number format names the same class as the FP32 package that it was made from.
#include <cstdint>
#include <vector>

#include "hw_targets/package/package.h"

namespace automask::compiler {

struct Agreement {
  std::int64_t pictures = 0, same = 0;  // over all conditions
};

// `pictures`: `count` u8 pictures [N, H, W, C] of the packages' input size. INT8 is executed by the integer reference,
// which is slow: of large networks fewer pictures are compared, one per condition at least.
Agreement agreement(const package::Package& real, const package::Package& other,
                    const std::vector<std::uint8_t>& pictures, int count, int threads);

// How many pictures of a network of `macs` multiply-accumulates the reference executes in some seconds: 1 to `most`.
int affordable_pictures(std::int64_t macs, int most);

}  // namespace automask::compiler
