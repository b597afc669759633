#pragma once
// Runs in which the runner picked each picture's condition: was it the estimator's, and are the outputs that network's?
#include <optional>
#include <string>
#include <vector>

#include "datasets/picture_set.h"
#include "harness/steps/spot_check.h"
#include "hw_targets/package/package.h"

namespace automask::harness::steps {

// Every picture's condition must be what package::estimate() says; the sentence about the first that is not.
std::optional<std::string> wrong_condition(const package::Package& package, const datasets::PictureSet& pictures,
                                           const std::vector<int>& taken);

// spot_check() under the conditions that were taken: `count` pictures of each at most, the worst of all.
SpotCheck predicted_check(const package::Package& package, const std::vector<int>& taken,
                          const datasets::PictureSet& pictures, const std::vector<float>& outputs, int count);

}  // namespace automask::harness::steps
