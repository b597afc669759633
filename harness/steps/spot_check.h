#pragma once
// Holds a runner's outputs against LibTorch executing the same package, or the integer reference: a runner that answers
// with something else is mistrusted, however fast it is.
#include <string>
#include <vector>

#include "datasets/picture_set.h"
#include "hw_targets/package/package.h"

namespace automask::harness::steps {

struct SpotCheck {
  int pictures = 0;
  bool exact = false;             // INT8: bits are compared, any difference is infinite
  double largest_difference = 0;  // of logits, relative to the largest absolute logit of the reference
  double allowed = 0;             // host::output_tolerance of the package's format
  bool passed() const { return largest_difference <= allowed; }  // false of NaN
};

// Of large INT8 networks fewer pictures than asked for, since the reference is slow. Compares `outputs` [N, classes] of
// condition `k` with the reference on `count` pictures spread over the set.
SpotCheck spot_check(const package::Package& package, int k, const datasets::PictureSet& pictures,
                     const std::vector<float>& outputs, int count);

}  // namespace automask::harness::steps
