#pragma once
// Can the latencies a runner reports be true? Only clear lies are flagged; docs/runner-protocol.md gives the rule.
#include <cstddef>
#include <string>

#include "hw_targets/host/host.h"
#include "hw_targets/package/package.h"

namespace automask::host {

// Empty when `full` is believable, else what is wrong with it. `brief` is a short run just before: what its wall time
// exceeds its latencies by is the fixed overhead of a message. Both may be sums over `messages` of them.
std::string implausible(const TimedCall& brief, const TimedCall& full, std::size_t messages = 1);

// Empty where `prepared`, the answer to `prepare`, tells no "macs" or the package's own: of each condition's
// convolutions and linear layers, shrunk to its mask. Else what is wrong with them.
std::string other_macs(const package::Package& package, const core::Json& prepared);
// Throws RunnerFailure(mistrusted) in the name of `runner` where that is not empty.
void require_own_macs(const std::string& runner, const package::Package& package, const core::Json& prepared);

}  // namespace automask::host
