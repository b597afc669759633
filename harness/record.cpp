#include "harness/record.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "core/hash.h"
#include "harness/environment.h"
#include "harness/summaries.h"

namespace automask::harness {
namespace {

using core::Json;

double number_or_nan(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_number() ? found->get<double>() : std::numeric_limits<double>::quiet_NaN();
}

results::RunRecord identity(const Manifest& manifest, const PlannedCell& planned) {
  const Cell& cell = planned.cell;
  results::RunRecord run;
  run.key = planned.run_key;
  run.portable_key = planned.portable_key;
  run.experiment = manifest.name;
  run.manifest_sha256 = manifest.sha256;
  run.manifest = manifest.document;
  run.dataset = manifest.datasets[cell.dataset].name;
  run.model = manifest.models[cell.model].name;
  run.method = manifest.methods[cell.method].name;
  run.target = manifest.targets[cell.target].name;
  run.method_parameters = manifest.methods[cell.method].parameters();
  run.seed = cell.seed;
  return run;
}

void add_result(results::RunRecord& run, const Step& step, const Json& result, const Cache& cache) {
  for (const Json& metric : result.at("metrics"))
    run.metrics.push_back({metric.at("name"), metric.value("condition", ""), metric.at("value"),
                           number_or_nan(metric, "ci_lo"), number_or_nan(metric, "ci_hi"), metric.at("evidence"),
                           metric.value("n", std::int64_t{0})});
  for (const Json& sample : result.at("samples"))
    run.samples.push_back({sample.value("condition", ""), sample.at("latencies_ms").get<std::vector<double>>()});
  const auto folder = cache.folder(step).lexically_relative(cache.store().root);
  for (const Json& artifact : result.at("artifacts"))
    run.artifacts.push_back({artifact.at("sha256"), artifact.at("kind"),
                             (folder / artifact.at("file").get<std::string>()).generic_string(), artifact.at("bytes")});
}

void set_environment(results::RunRecord& run, Json environment) {
  if (!environment.is_object()) environment = Json::object();
  run.build = environment.contains("build") ? environment["build"] : build_json();
  environment.erase("build");
  run.environment = std::move(environment);
}

bool name_matches(const std::string& glob, const std::string& name) { return glob.empty() || glob_matches(glob, name); }

// As few digits as tell the number apart from its bound.
std::string plain(double value) { return fmt::format("{:.6g}", value); }

}  // namespace

std::optional<results::RunRecord> passed_run(const Manifest& manifest, const Plan& plan, const PlannedCell& cell,
                                             const Cache& cache) {
  results::RunRecord run = identity(manifest, cell);
  run.state = "passed";
  for (const std::size_t id : cell.steps()) {
    // What its training builds on has figures of its own.
    if (std::find(cell.before.begin(), cell.before.end(), id) != cell.before.end()) continue;
    const auto result = cache.find(plan.steps[id]);
    if (!result) return std::nullopt;
    try {
      add_result(run, plan.steps[id], result->json, cache);
    } catch (const Json::exception& error) {
      throw core::Error(core::ExitCode::corrupt, (cache.folder(plan.steps[id]) / "result.json").string(),
                        std::string("does not have the expected form: ") + error.what(),
                        "remove its folder and start again");
    }
    if (id == cell.train) {
      const Json details = result->json.value("details", Json::object());
      run.training = details.is_object() ? details.value("training", Json()) : Json();
    }
    if (id != cell.execute) continue;
    run.started = result->json.value("started", "");
    run.finished = result->json.value("finished", "");
    Json environment = result->json.value("environment", Json::object());
    // What the runner said of its device belongs to where the numbers come from.
    if (const Json details = result->json.value("details", Json::object()); details.contains("device"))
      environment["device"] = details["device"];
    // What disturbed the timing: the host's governor, load and temperatures, the device's own state.
    if (const Json details = result->json.value("details", Json::object()); details.contains("host_before"))
      for (const char* key : {"host_before", "host_after", "state_before", "state"})
        environment["timing"][key] = details.value(key, Json());
    // Whose outputs the accuracy is of, where not all were executed.
    if (const Json details = result->json.value("details", Json::object()); details.contains("accuracy"))
      environment["accuracy"] = details["accuracy"];
    // Accuracy without a runner: recorded as such, with its reason.
    if (const Json details = result->json.value("details", Json::object()); details.contains("run_state")) {
      run.state = details.value("run_state", "passed");
      run.reason = details.value("run_reason", "");
    }
    set_environment(run, std::move(environment));
  }
  for (results::Metric& metric : summaries(manifest, run.metrics)) run.metrics.push_back(std::move(metric));
  return run;
}

results::RunRecord adopted_run(const Manifest& manifest, const PlannedCell& cell, const results::RunRecord& published) {
  const results::RunRecord own = identity(manifest, cell);
  results::RunRecord run = published;
  // Not the key of the run that this machine would make: with --ignore-imported it still can. The same on all machines.
  run.key = core::FieldHasher().add("cell", own.portable_key).add("published", published.key).hex();
  run.portable_key = own.portable_key;
  run.experiment = own.experiment;
  run.manifest = own.manifest;
  run.manifest_sha256 = own.manifest_sha256;
  run.dataset = own.dataset;
  run.model = own.model;
  run.method = own.method;
  run.target = own.target;
  run.method_parameters = own.method_parameters;
  return run;
}

std::optional<results::RunRecord> failed_run(const Manifest& manifest, const PlannedCell& cell,
                                             const std::vector<StepOutcome>& outcomes) {
  for (const std::size_t id : cell.steps()) {
    const StepOutcome& outcome = outcomes[id];
    if (outcome.outcome != Outcome::failed) continue;
    results::RunRecord run = identity(manifest, cell);
    run.state = outcome.state;
    run.reason = outcome.reason;
    run.started = outcome.started;
    run.finished = outcome.finished;
    set_environment(run, environment_json());
    return run;
  }
  return std::nullopt;
}

std::vector<GateVerdict> check_gates(const Manifest& manifest, const std::vector<results::RunRecord>& runs) {
  std::vector<GateVerdict> verdicts;
  for (std::size_t i = 0; i < manifest.gates.size(); ++i) {
    const Gate& gate = manifest.gates[i];
    bool spoken = false;
    for (const auto& run : runs) {
      if (!name_matches(gate.dataset, run.dataset) || !name_matches(gate.model, run.model) ||
          !name_matches(gate.method, run.method) || !name_matches(gate.target, run.target))
        continue;
      for (const auto& metric : run.metrics) {
        if (metric.name != gate.metric || !name_matches(gate.condition, metric.condition)) continue;
        spoken = true;
        const bool low = gate.min && !(metric.value >= *gate.min), high = gate.max && !(metric.value <= *gate.max);
        std::string sentence = fmt::format(
            "/gates/{}: {} of {} {} {} {} seed {}{} is {}", i, metric.name, run.dataset, run.model, run.method,
            run.target, run.seed, metric.condition.empty() ? "" : " on " + metric.condition, plain(metric.value));
        if (low) sentence += ", the gate asks for at least " + plain(*gate.min);
        if (high) sentence += ", the gate asks for at most " + plain(*gate.max);
        verdicts.push_back({low || high, std::move(sentence)});
      }
    }
    if (!spoken)
      verdicts.push_back(
          {true, fmt::format("/gates/{}: no run of this plan has the metric \"{}\" it speaks of", i, gate.metric)});
  }
  return verdicts;
}

}  // namespace automask::harness
