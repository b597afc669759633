#pragma once
// Can the latencies a runner reports be true? Only clear lies are flagged; docs/runner-protocol.md gives the rule.
#include <cstddef>
#include <string>

namespace automask::host {

// One `run` message as both sides saw it. The host may lose its processor between sending the request and reading its
// clock, so that the time after sending can be shorter than the runner's work.
struct TimedCall {
  double outer_seconds = 0;    // the host's clock, from before the request was sent to the answer's last byte
  double wall_seconds = 0;     // the same from after the request was sent
  double latency_seconds = 0;  // the sum of the runner's latencies
  std::size_t executions = 0;
};

// Empty when `full` is believable, else what is wrong with it. `brief` is a short run just before: what its wall time
// exceeds its latencies by is the fixed overhead of a message.
std::string implausible(const TimedCall& brief, const TimedCall& full);

}  // namespace automask::host
