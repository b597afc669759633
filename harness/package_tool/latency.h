#pragma once
// A package on a registered runner, timed as `automask run` times it.
#include <string>
#include <vector>

#include "core/json.h"
#include "datasets/picture_set.h"
#include "hw_targets/package/package.h"

namespace automask::harness::package_tool {

struct LatencyRequest {
  const core::Json* runner = nullptr;  // its registration
  int threads = 1;
  const package::Package* package = nullptr;
  const std::string* bytes = nullptr;            // of the package's file
  std::vector<datasets::PictureSet> pictures{};  // per condition of the package, some at least
};

struct LatencyResult {
  core::Json device;  // what it tells about itself; null where it did not get so far
  core::Json rows;    // per condition {"condition", "median", "p90", "p99" with _lo and _hi, "n", "evidence"}, in ms
  core::Json checks;  // {"check": "target = package", ...} per condition; one that failed where the runner did
};

// Never throws for what a runner does: that is a failed check with its sentence.
LatencyResult measure_latency(const LatencyRequest& request);

}  // namespace automask::harness::package_tool
