// Stage execute: a package on a target, through the runner protocol. Accuracy comes from the outputs of the timed runs.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/atomic_file.h"
#include "core/hash.h"
#include "harness/steps/data.h"
#include "harness/steps/spot_check.h"
#include "hw_targets/host/host.h"
#include "hw_targets/host/registry.h"
#include "hw_targets/package/package.h"
#include "results/statistics.h"

namespace automask::harness::steps {
namespace {

constexpr int spot_checked_pictures = 16;
constexpr double spot_check_tolerance = 1e-3;  // FP32 summation orders differ by far less; a wrong picture by far more

// The package's entry for a test condition: its own, or the one that serves all; a condition that was not trained
// falls back to the first, which is recorded.
int condition_index(const package::Package& package, const std::string& condition) {
  for (std::size_t k = 0; k < package.conditions.size(); ++k)
    if (package.conditions[k].name == condition) return static_cast<int>(k);
  return 0;
}

std::int64_t count_correct(const host::RunResult& run, const std::vector<int>& labels) {
  const auto classes = static_cast<std::size_t>(run.classes);
  std::int64_t hits = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto first = run.outputs.begin() + static_cast<std::ptrdiff_t>(i * classes);
    hits += std::max_element(first, first + run.classes) - first == labels[i];
  }
  return hits;
}

void add_metrics(Outcome& outcome, const std::string& condition, const host::RunResult& run,
                 const std::vector<int>& labels, const std::string& evidence) {
  const auto n = static_cast<std::int64_t>(labels.size());
  const std::int64_t hits = count_correct(run, labels);
  const auto interval = results::wilson_percent(hits, n);
  outcome.metrics.push_back({"top1", condition, 100.0 * static_cast<double>(hits) / static_cast<double>(n),
                             interval.low, interval.high, evidence, n});
  for (const auto& [name, q] : {std::pair{"latency_median", 0.5}, {"latency_p90", 0.9}, {"latency_p99", 0.99}}) {
    const auto bounds = results::quantile_interval(run.latencies_ms, q);
    outcome.metrics.push_back({name, condition, results::quantile(run.latencies_ms, q), bounds.low, bounds.high,
                               evidence, static_cast<std::int64_t>(run.latencies_ms.size())});
  }
  double sum = 0;
  for (const double latency : run.latencies_ms) sum += latency;
  const double none = std::numeric_limits<double>::quiet_NaN();
  const auto count = static_cast<std::int64_t>(run.latencies_ms.size());
  outcome.metrics.push_back({"latency_mean", condition, sum / static_cast<double>(count), none, none, evidence, count});
  outcome.samples.push_back({condition, run.latencies_ms});
}

std::vector<std::string> as_strings(const datasets::PictureSet& set) {
  std::vector<std::string> pictures;
  pictures.reserve(set.size());
  for (std::size_t i = 0; i < set.size(); ++i) {
    const auto picture = set.picture(i);
    pictures.emplace_back(reinterpret_cast<const char*>(picture.data()), picture.size());
  }
  return pictures;
}

}  // namespace

Outcome run_execute(const Context& context) {
  const auto parameters = context.parameters();
  const auto options = parameters.at("options");
  const std::string package_bytes =
      core::read_file(context.input_folder("package", Stage::compile) / "package.safetensors");
  const auto package = package::decode(package_bytes, "package.safetensors");

  const auto spec = host::runner_from_json(context.locations().at("runner"));
  const auto session = host::Session::start(spec);
  const auto device = session->initialize();
  session->load(package_bytes);
  const core::Json placement = session->prepare(
      {{"threads", options.integer_or("threads", 1)}, {"format", options.string_or("format", "fp32")}});

  Outcome outcome;
  outcome.details = {{"device", device.details},
                     {"placement", placement},
                     {"fallback_conditions", core::Json::array()},
                     {"condition_source", package.conditions.size() == 1 ? "one network for all" : "oracle"}};
  const auto conditions = parameters.at("conditions").strings();
  const auto seed = static_cast<std::uint64_t>(parameters.at("seed").integer());
  for (std::size_t i = 0; i < conditions.size(); ++i) {
    const std::string& condition = conditions[i];
    context.progress("execute " + condition, static_cast<double>(i), static_cast<double>(conditions.size()));
    const auto pictures = datasets::read_picture_set(context.input_folder("variant:" + condition, Stage::variant));
    const int k = condition_index(package, condition);
    if (package.conditions[static_cast<std::size_t>(k)].name != condition && package.conditions.size() > 1)
      outcome.details["fallback_conditions"].push_back(condition);

    session->select_condition(k);
    host::RunRequest request;
    request.inputs = session->put_inputs(as_strings(pictures));
    request.order_seed = core::hash64(fmt::format("{} {} {}", context.step().key, condition, seed));
    request.warmup = static_cast<int>(options.integer_or("warmup", 20));
    request.repetitions = static_cast<int>(options.integer_or("repetitions", 1));
    const auto run = session->run(request);

    const auto check = spot_check(package, k, pictures, run.outputs, spot_checked_pictures);
    if (!(check.largest_difference <= spot_check_tolerance))
      throw host::RunnerFailure(
          host::FailureKind::mistrusted, spec.name,
          check.exact ? fmt::format("its outputs for \"{}\" are not those of the integer "
                                    "reference, bit for bit, on {} pictures",
                                    condition, check.pictures)
                      : fmt::format("its outputs for \"{}\" differ from the reference by {:.2g} of the largest "
                                    "logit on {} pictures (allowed {:.0e})",
                                    condition, check.largest_difference, check.pictures, spot_check_tolerance),
          "look for a wrong weight layout, input order or number format in the runner");
    add_metrics(outcome, condition, run, pictures.labels, device.evidence);
    if (stop_requested())
      throw core::Error(core::ExitCode::interrupted, context.step().label, "was interrupted",
                        "start `automask run` again");
  }
  outcome.details["state"] = session->state();
  try {
    session->shutdown();
  } catch (const host::RunnerFailure& failure) {  // what was measured before is still good
    outcome.details["shutdown"] = failure.what();
  }
  context.progress("execute", static_cast<double>(conditions.size()), static_cast<double>(conditions.size()));
  return outcome;
}

}  // namespace automask::harness::steps
