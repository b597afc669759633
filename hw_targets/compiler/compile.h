#pragma once
// Trained network -> package: shrink to the union, fold normalisation per condition, verify. No LibTorch here.
#include <string>
#include <vector>

#include "hw_targets/package/package.h"
#include "models/checkpoint.h"

namespace automask::compiler {

package::Package compile(const models::Checkpoint& checkpoint);

// masked network == shrunk network == package, on `pictures` u8 pictures [N, H, W, C] of the checkpoint's input size,
// for every condition: the largest absolute difference of logits, against LibTorch executing the masked network.
struct Verification {
  struct Row {
    std::string condition;
    // Relative to the largest absolute logit; an INT8 package's is the sum of all differences over that of all logits,
    // since one picture beyond the calibrated ranges decides the largest.
    double shrunk_difference = 0, package_difference = 0;
    double largest_difference = 0;  // of any package, relative to the largest logit
    std::int64_t same_class = 0;    // pictures whose largest logit the package has, too
    std::int64_t macs = 0;          // of the condition's shrunk network
    double macs_share = 0;          // of the dense network's
  };
  std::vector<Row> rows;
  std::int64_t package_bytes = 0, dense_bytes = 0;  // dense: the FP32 parameters of the unmasked network
  double tolerance = 1e-4;          // FP32 sums in another order differ by less; a wrong weight by far more
  double package_tolerance = 1e-4;  // tolerance_of() the package's format
  bool passed() const;
};
double tolerance_of(package::Format format);
// A package of any number format; INT8 is executed by the integer reference, which is slow.
Verification verify(const models::Checkpoint& checkpoint, const package::Package& package,
                    const std::vector<std::uint8_t>& pictures, int count, int threads);

}  // namespace automask::compiler
