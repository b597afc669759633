#pragma once
// What each layer of a network costs on a runner's device, as a function of its multiply-accumulates: for budgets of
// time (methods/latency.h).
#include <string>
#include <vector>

#include "core/json.h"
#include "hw_targets/package/package.h"
#include "methods/latency.h"

namespace automask::harness {

// The package with one condition for each share of every group's channels (methods::width_mask). The first share must
// be 1: the package's own union.
package::Package with_shares(const package::Package& package, const std::vector<double>& shares, int lanes);

// One point of a layer: what it had to do, and how long that took.
struct LayerPoint {
  std::string layer;
  double mmac = 0, ms = 0;
};
// For each layer fixed_ms + ms_per_mmac x mmac, both at least 0, by least squares. In the order in which layers come
// first.
std::vector<methods::LayerLatency> fitted_costs(const std::vector<LayerPoint>& points);

// One point for each layer of each condition; `answers[k]` is {"layers": [{"name", "ms"}]} of condition k.
// Error(runner) where an answer has no layers.
std::vector<LayerPoint> points_of(const package::Package& package, const core::Json& answers,
                                  const std::string& runner);

}  // namespace automask::harness
