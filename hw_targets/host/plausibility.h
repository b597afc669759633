#pragma once
// Can the latencies a runner reports be true? Only clear lies are flagged; docs/runner-protocol.md gives the rule.
#include <cstddef>
#include <string>

#include "hw_targets/host/host.h"

namespace automask::host {

// Empty when `full` is believable, else what is wrong with it. `brief` is a short run just before: what its wall time
// exceeds its latencies by is the fixed overhead of a message. Both may be sums over `messages` of them.
std::string implausible(const TimedCall& brief, const TimedCall& full, std::size_t messages = 1);

}  // namespace automask::host
