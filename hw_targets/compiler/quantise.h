#pragma once
// FP32 package -> INT8 or FP16 package. Ranges of activations come from calibration pictures, per condition; the
// arithmetic is hw_targets/package/integer.h.
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "hw_targets/package/package.h"

namespace automask::compiler {

// How the range of a tensor is chosen from the absolute values that calibration saw: the largest, a quantile, or the
// range with the least mean squared error after rounding and clipping.
enum class RangeRule { minmax, percentile, mse };
const char* to_string(RangeRule rule);
RangeRule parse_range_rule(const std::string& name);  // Error(usage) names the rules

struct QuantisationOptions {
  RangeRule rule = RangeRule::mse;
  double percentile = 99.99;  // of RangeRule::percentile, in (0, 100]
  int threads = 1;
  // Per condition, the range of each value by node, where the weights were trained for them (Checkpoint::ranges):
  // nothing is calibrated, and pictures may be missing. Empty: by the rule.
  std::vector<std::map<std::string, double>> ranges;
};

// u8 pictures [count, H, W, C] of the package's input size, as one condition delivers them.
struct CalibrationPictures {
  std::vector<std::uint8_t> pixels;
  int count = 0;
};

// `pictures`: one set per condition of the package, at least one picture each. Error(usage) for a package that is not
// FP32 or pictures that don't fit; Error(steps_failed) where a network's values are no numbers.
package::Package quantise(const package::Package& package, const std::vector<CalibrationPictures>& pictures,
                          const QuantisationOptions& options);

// Weights rounded to FP16; normalisations stay FP32.
package::Package to_half(const package::Package& package);

// The range that a rule chooses, from a histogram of absolute values: bin i counts those in [i, i + 1) * largest /
// bins.
double chosen_range(const std::vector<double>& histogram, double largest, const QuantisationOptions& options);

}  // namespace automask::compiler
