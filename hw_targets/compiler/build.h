#pragma once
// A checkpoint's FP32 package, proven to be the same function before anything is made of it: what `automask run` and
// `automask export` both start from.
#include <cstdint>
#include <string>
#include <vector>

#include "hw_targets/compiler/compile.h"

namespace automask::compiler {

struct Proven {
  std::string bytes;         // the file
  package::Package package;  // as read back from them
  Verification verification;
};

// Verifies what a reader makes of the file, not what was meant, on `count` u8 pictures [N, H, W, C] of the checkpoint's
// input size. Error(steps_failed) under `label` names each condition's difference where one is beyond the tolerance.
Proven proven_package(const models::Checkpoint& checkpoint, const std::vector<std::uint8_t>& pictures, int count,
                      int threads, const std::string& label);

}  // namespace automask::compiler
