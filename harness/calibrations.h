#pragma once
// What `runners calibrate` fits: the profile of a modelled target, by the kind of runner that was measured.
#include <string>

#include "core/json.h"
#include "hw_targets/protocol/calibration.h"

namespace automask::harness {

struct Calibrated {
  protocol::Calibration found;
  core::Json profile;  // what the runner takes instead of its own, with "sources" of each number
  std::string option;  // the runner's option that takes it: "--board"
};

struct CalibrationRequest {
  core::Json measured;         // what was measured, and of what: docs/runner-protocol.md, "measured"
  std::string file;            // where it comes from, for messages
  std::string package, bytes;  // the package's path and its contents
  std::string start;           // a profile's name or file to start from; empty: the measured runner's
};

// The fields of a device's answer to `initialize` (details) and to `prepare` that a fit needs; empty: a kind of runner
// that has no model.
core::Json calibration_facts(const core::Json& details, const core::Json& prepared);

// Error(usage) with the remedy: unknown layers, too few measurements, another package.
Calibrated calibrate(const CalibrationRequest& request);

}  // namespace automask::harness
