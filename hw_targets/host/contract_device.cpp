// Clauses about what a device tells of itself: its clock, its throttling, its power.
#include <algorithm>
#include <cstdio>

#include "hw_targets/host/contract_acts.h"
#include "hw_targets/host/contract_checks.h"
#include "hw_targets/host/plausibility.h"

namespace automask::host {

using core::Json;

std::string honest_latencies(const ContractCase& with) {
  Wire wire(with.spec);
  const std::string evidence = hello(wire).at("evidence");
  if (evidence != "measured") throw Skipped("its evidence is " + evidence + ", so that no clock here can tell");
  load(wire, with);
  prepare(wire, with);
  const auto inputs = put(wire, with);
  const auto timed = [&](std::size_t executions) {
    std::vector<std::size_t> order(executions);
    for (std::size_t i = 0; i < executions; ++i) order[i] = i % inputs.size();
    TimedCall call;
    const auto begun = Clock::now();
    const Json result = wire.result("run", {{"inputs", inputs}, {"order", order}, {"warmup", 0}, {"nonce", "e"}});
    call.outer_seconds = call.wall_seconds = std::chrono::duration<double>(Clock::now() - begun).count();
    for (const double latency : result.at("latencies_ms").get<std::vector<double>>())
      call.latency_seconds += latency / 1e3;
    call.executions = executions;
    return call;
  };
  timed(4);  // warm
  const TimedCall brief = timed(4);
  // As many executions as fill about a second, so that 15 % is far more than a busy machine takes.
  const double each = std::max(brief.wall_seconds / 4, 1e-5);
  const TimedCall full = timed(static_cast<std::size_t>(std::clamp(1.0 / each, 20.0, 20'000.0)));
  const std::string doubt = implausible(brief, full);
  if (!doubt.empty()) throw Broken(doubt);
  const double overhead =
      std::max(full.wall_seconds - full.latency_seconds, 0.0) / static_cast<double>(full.executions);
  char text[96];
  std::snprintf(text, sizeof text, "%.1f microseconds of overhead per inference over %zu", 1e6 * overhead,
                full.executions);
  return text;
}

std::string throttling_report(const ContractCase& with) {
  Wire wire(with.spec);
  const auto inputs = ready(wire, with);
  Json state;
  for (int i = 0; i < 2; ++i) {
    state = wire.result("state", nothing);
    if (!state.at("throttled").is_boolean()) throw Broken("\"throttled\" is " + state.at("throttled").dump());
    if (i == 0) run(wire, inputs, counted(2), "f");
  }
  std::string told;
  for (const auto& [key, value] : state.items()) told += (told.empty() ? "tells " : ", ") + key;
  return told + (state.at("throttled") == true ? "; it is throttled now" : "");
}

std::string power(const ContractCase& with) {
  Wire wire(with.spec);
  const auto inputs = ready(wire, with);
  const Json first = wire.ask("power", nothing);
  if (first.contains("error")) {
    if (first["error"]["code"] != protocol::unsupported)
      throw Broken("power was refused with " + code_name(first["error"]["code"]) + " instead of " +
                   code_name(protocol::unsupported));
    return "no sensor";
  }
  run(wire, inputs, counted(inputs.size()), "g");
  double last = -1;
  const Json samples = wire.result("power", nothing).at("samples");
  for (const Json& sample : samples) {
    const double seconds = sample.at(0).get<double>(), watts = sample.at(1).get<double>();
    if (seconds < last || !(watts >= 0)) throw Broken("samples must be [seconds, watts], times rising");
    last = seconds;
  }
  return std::to_string(samples.size()) + " samples";
}

}  // namespace automask::host
