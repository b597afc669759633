#pragma once
// What each layer of a network costs on a runner's device, as a function of its multiply-accumulates: for budgets of
// time (methods/masks/latency.h).
#include <string>
#include <vector>

#include "core/json.h"
#include "hw_targets/host/host.h"
#include "hw_targets/package/package.h"
#include "methods/masks/latency.h"

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

// How a device is asked.
struct CostsRequest {
  std::vector<double> shares = {1, 0.75, 0.5, 0.25};  // of every group's channels; the first is 1
  int lanes = 1;                                      // kept channels in multiples of so many
  int runs = 20;                                      // timed executions where the device measures; the median counts
  core::Json prepare;                                 // for the runner's `prepare`
};
// Places the package on the session's device at each share and tells what every layer costs: methods::layer_costs_json,
// with "device", "format", "options" and under "check" how far the straight lines are from what was asked, per share
// {"share", "mmac", "asked_ms", "predicted_ms"}. Error(usage) where the runner does not tell single layers.
core::Json ask_layer_costs(host::Session& session, const host::Device& device, const std::string& runner,
                           const package::Package& package, const CostsRequest& request);

}  // namespace automask::harness
