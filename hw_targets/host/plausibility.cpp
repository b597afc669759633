#include "hw_targets/host/plausibility.h"

#include <fmt/core.h>

#include <algorithm>

namespace automask::host {
namespace {

constexpr double share = 0.85;           // of the wall time that latencies must account for (DESIGN: 15 %)
constexpr double per_execution = 20e-6;  // seconds: about 100 bytes of JSON, parsed and written, over a slow link
constexpr double scheduling = 50e-3;     // seconds in which a busy machine may run something else
constexpr double most_overhead = 0.5;    // seconds: a short run cannot excuse more
constexpr double clock_drift = 1.001, clock_steps = 1e-3;  // two clocks, and their resolution

}  // namespace

std::string implausible(const TimedCall& brief, const TimedCall& full, std::size_t messages) {
  if (full.latency_seconds > full.outer_seconds * clock_drift + clock_steps)
    return fmt::format("its latencies add up to {:.3f} s, but the whole run took {:.3f} s", full.latency_seconds,
                       full.outer_seconds);
  const double fixed =
      std::clamp(brief.wall_seconds - brief.latency_seconds, 0.0, static_cast<double>(messages) * most_overhead);
  const double least =
      share * (full.wall_seconds - fixed) - static_cast<double>(full.executions) * per_execution - scheduling;
  if (full.latency_seconds < least)
    return fmt::format(
        "its latencies add up to {:.3f} s of the {:.3f} s that the run took ({:.3f} s of it overhead of the message); "
        "more than 15 % is missing",
        full.latency_seconds, full.wall_seconds, fixed);
  return "";
}

std::string other_macs(const package::Package& package, const core::Json& prepared) {
  const auto told = prepared.find("macs");
  if (told == prepared.end()) return "";
  if (!told->is_array() || told->size() != package.conditions.size())
    return fmt::format("\"macs\" must have a number for each of the {} conditions, it is {}", package.conditions.size(),
                       told->dump());
  for (std::size_t k = 0; k < package.conditions.size(); ++k) {
    const std::int64_t own = graph::cost(graph::shrink(package.graph, package.conditions[k].mask)).macs;
    if ((*told)[k] != own)
      return fmt::format("it places {} multiply-accumulates for \"{}\", the package has {}", (*told)[k].dump(),
                         package.conditions[k].name, own);
  }
  return "";
}

void require_own_macs(const std::string& runner, const package::Package& package, const core::Json& prepared) {
  if (const std::string wrong = other_macs(package, prepared); !wrong.empty())
    throw RunnerFailure(FailureKind::mistrusted, runner, wrong,
                        "look for channels that the runner executes though the mask drops them");
}

}  // namespace automask::host
