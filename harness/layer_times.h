#pragma once
// A device's times of single layers, as `runners calibrate` and `runners costs` ask for them.
#include <string>

#include "core/json.h"
#include "hw_targets/host/host.h"
#include "hw_targets/package/package.h"

namespace automask::harness {

// A package from the command line; Error(usage) in the name of `command` for what is none.
package::Package decoded_package(const std::string& bytes, const std::string& file, const std::string& command);

// After a prepare with "layers_apart": each condition executed `runs` times on a grey picture, since no time depends on
// values; per condition what the runner's state() has under "measured", null where it tells nothing.
core::Json measured_conditions(host::Session& session, const package::Package& package, int runs);

}  // namespace automask::harness
