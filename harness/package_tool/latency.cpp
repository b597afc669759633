#include "harness/package_tool/latency.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/hash.h"
#include "harness/steps/spot_check.h"
#include "harness/tool.h"
#include "hw_targets/host/host.h"
#include "hw_targets/host/interleave.h"
#include "hw_targets/host/registry.h"
#include "results/statistics.h"

namespace automask::harness::package_tool {
namespace {

using core::Json;

constexpr std::size_t most_pictures = 64;  // a condition; they are visited again until there are latencies enough
constexpr int checked_pictures = 8;

Json finite(double value) { return std::isfinite(value) ? Json(value) : Json(); }

Json latency_row(const std::string& condition, const std::vector<double>& latencies, const std::string& evidence) {
  Json row = {{"condition", condition}, {"n", latencies.size()}, {"evidence", evidence}};
  for (const auto& [name, q] : {std::pair{"median", 0.5}, {"p90", 0.9}, {"p99", 0.99}}) {
    const auto bounds = results::quantile_interval(latencies, q);
    row[name] = results::quantile(latencies, q);
    row[std::string(name) + "_lo"] = finite(bounds.low);
    row[std::string(name) + "_hi"] = finite(bounds.high);
  }
  return row;
}

datasets::PictureSet first_of(const datasets::PictureSet& set) {
  std::vector<std::uint32_t> numbers(std::min(set.size(), most_pictures));
  std::iota(numbers.begin(), numbers.end(), 0U);
  return datasets::subset(set, numbers);
}

void measure(const LatencyRequest& request, const host::RunnerSpec& spec, LatencyResult& result) {
  const package::Package& package = *request.package;
  tool_progress("start " + spec.name, 0, 1);
  const auto session = host::Session::start(spec);
  const auto device = session->initialize();
  result.device = device.details;
  session->load(*request.bytes);
  session->prepare({{"threads", request.threads}, {"format", to_string(package.format)}});
  std::vector<host::RunCell> cells;
  std::vector<datasets::PictureSet> pictures;
  for (std::size_t k = 0; k < package.conditions.size(); ++k) {
    pictures.push_back(first_of(request.pictures.at(k)));
    cells.push_back({static_cast<int>(k), session->put_inputs(datasets::as_strings(pictures.back()), k == 0)});
  }
  host::BlockPlan plan;
  plan.seed = core::hash64("verify " + *request.bytes);
  plan.stop = tool_stop_requested;
  plan.on_block = [](double done, double total) {
    tool_progress("measure", done, total);
    if (tool_stop_requested()) throw core::Error(core::ExitCode::interrupted, "verify", "interrupted");
  };
  const auto runs = host::run_interleaved(*session, device, spec.name, cells, plan);
  for (std::size_t k = 0; k < runs.size(); ++k) {
    const std::string& condition = package.conditions[k].name;
    result.rows.push_back(latency_row(condition, runs[k].latencies_ms, device.evidence));
    const auto check = steps::spot_check(package, static_cast<int>(k), pictures[k], runs[k].outputs, checked_pictures);
    result.checks.push_back(
        {{"check", "target = package"},
         {"condition", condition},
         {"value", finite(check.largest_difference)},
         {"allowed", check.allowed},
         {"passed", check.passed()},
         {"detail", fmt::format("{} on {} pictures", check.exact ? "bit for bit" : "logits", check.pictures)}});
  }
  session->shutdown();
}

}  // namespace

LatencyResult measure_latency(const LatencyRequest& request) {
  LatencyResult result{nullptr, Json::array(), Json::array()};
  const auto spec = host::runner_from_json({*request.runner, "runner", "", core::ExitCode::usage});
  const auto fail = [&](const std::string& state, const std::string& sentence) {
    result.checks.push_back({{"check", "target runs"},
                             {"condition", ""},
                             {"value", state},
                             {"allowed", "passed"},
                             {"passed", false},
                             {"detail", sentence}});
  };
  try {
    measure(request, spec, result);
  } catch (const host::RunnerFailure& failure) {
    fail(std::string(host::run_state(failure.kind())), failure.what());
  } catch (const core::Error& error) {  // among others where it claims to have loaded other conditions
    if (error.code() == core::ExitCode::interrupted) throw;
    fail("failed", error.what());
  }
  return result;
}

}  // namespace automask::harness::package_tool
