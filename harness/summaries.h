#pragma once
// Numbers that a run's own metrics give: the headline accuracy, held-out conditions apart, the manifest's mixes.
#include <vector>

#include "harness/manifest.h"
#include "results/store.h"

namespace automask::harness {

// To be added to `metrics`, all of one run. The headline is with the predicted condition where the package has several
// sets; it is left out where nothing predicted. Intervals are the means of the conditions' bounds: all conditions are
// tested on the same pictures, so this is at least as wide as the mean's own. What a part is missing for is left out.
std::vector<results::Metric> summaries(const Manifest& manifest, const std::vector<results::Metric>& metrics);

}  // namespace automask::harness
