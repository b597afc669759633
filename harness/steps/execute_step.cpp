// Stage execute: a package on a target, through the runner protocol. Accuracy comes from the outputs of the timed runs.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "core/atomic_file.h"
#include "core/hash.h"
#include "core/shuffle.h"
#include "harness/conditions.h"
#include "harness/environment.h"
#include "harness/held_out.h"
#include "harness/manifest.h"
#include "harness/steps/data.h"
#include "harness/steps/execute_results.h"
#include "harness/steps/members.h"
#include "harness/steps/predicted.h"
#include "harness/steps/simulated.h"
#include "harness/steps/spot_check.h"
#include "harness/steps/turn.h"
#include "hw_targets/host/host.h"
#include "hw_targets/host/interleave.h"
#include "hw_targets/host/plausibility.h"
#include "hw_targets/host/portions.h"
#include "hw_targets/host/registry.h"
#include "hw_targets/package/package.h"

namespace automask::harness::steps {
namespace {

constexpr int spot_checked_pictures = 16;
constexpr int predicted_checked_pictures = 4;  // of each condition that was taken

package::Package decode(const Context& context, const std::string& bytes) {
  const auto file = context.input_folder("package", Stage::compile) / "package.safetensors";
  try {
    return package::decode(bytes, "package.safetensors");
  } catch (const package::PackageError& e) {
    throw core::Error(core::ExitCode::steps_failed, context.step().label, e.what(),
                      "delete " + file.parent_path().string() + " and run again");
  }
}

// What is known of one condition, from its pictures to its numbers.
struct Measured {
  int index = 0;  // in the package
  bool fallback = false;
  // Dropped once all are measured, when `results` takes their place.
  datasets::PictureSet pictures;
  host::CellResult run;
  std::optional<host::CellResult> predicted;  // where the estimator picked the condition of each picture
  Outcome results;
};

Measured read(const Context& context, const package::Package& package, const std::string& condition) {
  Measured of;
  of.pictures = executed_pictures(context, condition);
  // A condition that has no set of its own falls back to another's, which is recorded.
  of.index = set_for(package::condition_names(package), condition);
  const std::string& serving = package.conditions[static_cast<std::size_t>(of.index)].name;
  of.fallback = serving != condition && package.conditions.size() > 1 && !serves_all(serving);
  return of;
}

// How many pictures of a condition the runner executes.
std::size_t executed_count(const Context& context, const std::string& condition, std::size_t picture_bytes,
                           bool simulated) {
  const auto images = context.input_folder("variant:" + condition, Stage::variant) / "images.idx";
  const std::size_t all =
      std::min<std::size_t>(std::filesystem::file_size(images) / picture_bytes, most_executed(context));
  return simulated ? simulated_share(all).size() : all;
}

// What is measured together, conditions in an order that the seed draws.
std::vector<std::vector<host::Portion>> drawn_groups(const Context& context, const std::vector<std::string>& conditions,
                                                     const graph::Shape& input, std::uint64_t seed, bool simulated) {
  const auto picture = static_cast<std::size_t>(input.channels) * static_cast<std::size_t>(input.height) *
                       static_cast<std::size_t>(input.width);
  std::vector<std::size_t> order, pictures;
  for (const std::string& condition : conditions) {
    order.push_back(order.size());
    pictures.push_back(executed_count(context, condition, picture, simulated));
  }
  core::RandomStream random(core::hash64(fmt::format("{} conditions {}", context.step().key, seed)));
  core::shuffle(order, random);
  return host::groups_of(pictures, order, picture);
}

// Throws unless the outputs are what the package gives for these pictures.
void check_outputs(const package::Package& package, const std::string& runner, const std::string& condition,
                   const Measured& of) {
  const auto mistrust = [&](const std::string& problem, const std::string& remedy) {
    throw host::RunnerFailure(host::FailureKind::mistrusted, runner, problem, remedy);
  };
  const std::string look = "look for a wrong weight layout, input order or number format in the runner";
  auto check = spot_check(package, of.index, of.pictures, of.run.outputs, spot_checked_pictures);
  if (!check.passed()) mistrust(disagreement(condition, check), look);
  if (!of.predicted) return;
  if (const auto wrong = wrong_condition(package, of.pictures, of.predicted->conditions))
    mistrust(fmt::format("of \"{}\" {}", condition, *wrong), "hold its statistics against docs/package.md, section 11");
  check = predicted_check(package, of.predicted->conditions, of.pictures, of.predicted->outputs,
                          predicted_checked_pictures);
  if (!check.passed()) mistrust(disagreement(condition + " (predicted)", check), look);
}

// The reference's outputs take the place of those that were executed: of all pictures, once all of these agreed.
void complete_simulated(const package::Package& package, const std::string& runner, const std::string& condition,
                        Measured& of, const std::string& evidence) {
  Simulated simulated = hold_against_reference(package, of.index, of.pictures, of.run.outputs);
  add_agreement(of.results, runner, condition, simulated, evidence);
  of.run.outputs = std::move(simulated.logits);
  if (!package.estimator.empty()) of.predicted = predicted_by_reference(package, of.index, of.pictures, of.run);
}

// What all pictures of a condition say, in `of.results`; `held_out` is the metric of one that training did not show.
void conclude(const std::string& condition, const std::string& held_out, Measured& of, const std::string& evidence) {
  const std::vector<int>& labels = of.pictures.labels;
  const auto n = static_cast<std::int64_t>(labels.size());
  if (!held_out.empty()) {
    add_share(of.results, held_out, condition, count_correct(of.run, labels), n, evidence);
    if (of.predicted)
      add_share(of.results, "predicted_" + held_out, condition, count_correct(*of.predicted, labels), n, evidence);
  } else {
    add_metrics(of.results, condition, of.run, labels, evidence);
    if (of.predicted) {
      add_results(of.results, "predicted_", condition, *of.predicted, labels, evidence);
      // Of a condition that the package does not have, none is the right one.
      const auto& taken = of.predicted->conditions;
      if (!of.fallback)
        add_share(of.results, "estimator_accuracy", condition, std::count(taken.begin(), taken.end(), of.index), n,
                  evidence);
    }
  }
  of.pictures = {};
  of.run = {};
  of.predicted.reset();
}

}  // namespace

Outcome run_execute(const Context& context) {
  if (holds_packages(context.input_folder("package", Stage::compile))) return execute_members(context);
  const auto parameters = context.parameters();
  const auto options = parameters.at("options");
  const std::string package_bytes =
      core::read_file(context.input_folder("package", Stage::compile) / "package.safetensors");
  const auto package = decode(context, package_bytes);

  const auto spec = host::runner_from_json(context.locations().at("runner"));
  Turn turn(context.store(), spec.name);
  const auto session = host::Session::start(spec);
  const auto device = session->initialize();
  session->load(package_bytes);
  const core::Json placement = session->prepare(preparation(options.value()));
  host::require_own_macs(spec.name, package, placement);

  Outcome outcome;
  outcome.details = {
      {"device", device.details},
      {"placement", placement},
      {"fallback_conditions", core::Json::array()},
      {"condition_source",
       package.conditions.size() == 1 || serves_all(package.conditions[0].name) ? "one network for all" : "oracle"}};
  const bool simulated = is_simulated(device, package);
  if (simulated) outcome.details["accuracy"] = simulated_accuracy();
  const bool predicts = !simulated && !package.estimator.empty() && session->select_automatically();
  outcome.details["predicted_conditions"] = predicts                    ? "by the runner"
                                            : package.estimator.empty() ? "the package has no estimator"
                                            : simulated ? "by the host, outputs by the integer reference"
                                                        : "the runner has no estimator";
  outcome.details["state_before"] = session->state();
  outcome.details["host_before"] = host_state_json();
  auto conditions = parameters.at("conditions").strings();
  const std::size_t trained = conditions.size();
  const auto shown = conditions;
  if (parameters.has("held_out"))
    for (const std::string& condition : parameters.at("held_out").strings()) conditions.push_back(condition);
  const auto seed = static_cast<std::uint64_t>(parameters.at("seed").integer());
  host::BlockPlan plan;
  plan.warmup = static_cast<int>(options.integer_or("warmup", 20));
  plan.repetitions = static_cast<int>(options.integer_or("repetitions", 1));
  plan.min_latencies = static_cast<int>(options.integer_or("min_latencies", 50));
  plan.min_seconds = options.number_or("min_seconds", 0);
  if (simulated) visit_once(plan);
  plan.stop = stop_requested;
  plan.between = [&turn] { turn.pass_on(); };

  std::vector<Measured> measured(conditions.size());
  const auto groups = drawn_groups(context, conditions, package.graph.input, seed, simulated);
  double groups_done = 0;
  for (const auto& group : groups) {
    std::vector<host::RunCell> cells;
    std::string label;
    bool forget = true;
    for (const auto& [i, first, count] : group) {
      if (first == 0) measured[i] = read(context, package, conditions[i]);
      const datasets::PictureSet& all = measured[i].pictures;
      const auto pictures = simulated ? datasets::as_strings(datasets::subset(all, simulated_share(all.size())))
                                      : datasets::as_strings(all, first, count);
      cells.push_back({measured[i].index, session->put_inputs(pictures, forget)});
      if (predicts) cells.push_back({host::automatic, cells.back().inputs});
      forget = false;
      label += (label.empty() ? "" : ", ") + conditions[i] + (first > 0 ? fmt::format(" from {}", first) : "");
    }
    plan.seed = core::hash64(fmt::format("{} {} {}", context.step().key, label, seed));
    plan.on_block = [&](double done, double total) {
      context.progress("execute", (groups_done + done / total) * static_cast<double>(conditions.size()),
                       static_cast<double>(conditions.size() * groups.size()));
      end_if_stopped(context);
    };
    auto runs = host::run_interleaved(*session, device, spec.name, cells, plan);
    ++groups_done;
    for (std::size_t c = 0; c < group.size(); ++c) {
      const std::size_t i = group[c].condition;
      Measured& of = measured[i];
      host::append(of.run, std::move(runs[predicts ? 2 * c : c]));
      if (predicts) {
        if (!of.predicted) of.predicted.emplace();
        host::append(*of.predicted, std::move(runs[2 * c + 1]));
      }
      if (!simulated && group[c].first + group[c].count < of.pictures.size()) continue;  // more portions follow
      if (simulated)
        complete_simulated(package, spec.name, conditions[i], of, device.evidence);
      else
        check_outputs(package, spec.name, conditions[i], of);
      conclude(conditions[i], i < trained ? "" : held_out_metric(shown, conditions[i]), of, device.evidence);
    }
  }
  for (std::size_t i = 0; i < conditions.size(); ++i) {
    if (measured[i].fallback) outcome.details["fallback_conditions"].push_back(conditions[i]);
    const Outcome& results = measured[i].results;
    if (results.metrics.empty())
      throw core::Error(core::ExitCode::internal, context.step().label, "has no results for \"" + conditions[i] + "\"");
    outcome.metrics.insert(outcome.metrics.end(), results.metrics.begin(), results.metrics.end());
    outcome.samples.insert(outcome.samples.end(), results.samples.begin(), results.samples.end());
  }
  outcome.details["state"] = session->state();
  outcome.details["host_after"] = host_state_json();
  try {
    session->shutdown();
  } catch (const host::RunnerFailure& failure) {  // what was measured before is still good
    outcome.details["shutdown"] = failure.what();
  }
  context.progress("execute", static_cast<double>(conditions.size()), static_cast<double>(conditions.size()));
  return outcome;
}

}  // namespace automask::harness::steps
