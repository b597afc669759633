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
#include "hw_targets/host/registry.h"
#include "hw_targets/package/package.h"

namespace automask::harness::steps {
namespace {

// Pictures that a runner is asked to hold at once; conditions that exceed it are measured in several groups.
constexpr std::size_t held_bytes = std::size_t{1} << 29;
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
  datasets::PictureSet pictures;  // dropped once they are measured
  std::vector<int> labels;
  host::CellResult run;
  std::optional<host::CellResult> predicted;  // where the estimator picked the condition of each picture
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

// Conditions that are measured by turns, in an order that the seed draws: as many as have room for their pictures.
std::vector<std::vector<std::size_t>> groups_of(const Context& context, const std::vector<std::string>& conditions,
                                                const graph::Shape& input, std::uint64_t seed) {
  const std::size_t most = most_executed(context);
  const auto picture = static_cast<std::size_t>(input.channels) * static_cast<std::size_t>(input.height) *
                       static_cast<std::size_t>(input.width);
  std::vector<std::size_t> order(conditions.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  core::RandomStream random(core::hash64(fmt::format("{} conditions {}", context.step().key, seed)));
  core::shuffle(order, random);
  std::vector<std::vector<std::size_t>> groups;
  std::size_t held = 0;
  for (const std::size_t i : order) {
    const auto folder = context.input_folder("variant:" + conditions[i], Stage::variant);
    std::size_t size = 0;
    for (const auto& file : std::filesystem::directory_iterator(folder))
      if (file.is_regular_file()) size += static_cast<std::size_t>(file.file_size());
    if (most < size / picture) size = most * picture;
    if (groups.empty() || held + size > held_bytes) {
      groups.emplace_back();
      held = 0;
    }
    groups.back().push_back(i);
    held += size;
  }
  return groups;
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
                        Measured& of, Outcome& outcome, const std::string& evidence) {
  Simulated simulated = hold_against_reference(package, of.index, of.pictures, of.run.outputs);
  add_agreement(outcome, runner, condition, simulated, evidence);
  of.run.outputs = std::move(simulated.logits);
  if (!package.estimator.empty()) of.predicted = predicted_by_reference(package, of.index, of.pictures, of.run);
}

void add_predicted(Outcome& outcome, const std::string& condition, const Measured& of, const std::string& evidence) {
  if (!of.predicted) return;
  add_results(outcome, "predicted_", condition, *of.predicted, of.labels, evidence);
  // Of a condition that the package does not have, none is the right one.
  if (of.fallback) return;
  const auto& taken = of.predicted->conditions;
  add_share(outcome, "estimator_accuracy", condition, std::count(taken.begin(), taken.end(), of.index),
            static_cast<std::int64_t>(taken.size()), evidence);
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
  double conditions_done = 0;
  for (const auto& group : groups_of(context, conditions, package.graph.input, seed)) {
    std::vector<host::RunCell> cells;
    std::string label;
    bool forget = true;
    for (const std::size_t i : group) {
      measured[i] = read(context, package, conditions[i]);
      const datasets::PictureSet& all = measured[i].pictures;
      const auto pictures = datasets::as_strings(simulated ? datasets::subset(all, simulated_share(all.size())) : all);
      cells.push_back({measured[i].index, session->put_inputs(pictures, forget)});
      if (predicts) cells.push_back({host::automatic, cells.back().inputs});
      forget = false;
      label += (label.empty() ? "" : ", ") + conditions[i];
    }
    plan.seed = core::hash64(fmt::format("{} {} {}", context.step().key, label, seed));
    plan.on_block = [&](double done, double total) {
      context.progress("execute", conditions_done + done / total * static_cast<double>(group.size()),
                       static_cast<double>(conditions.size()));
      if (stop_requested())
        throw core::Error(core::ExitCode::interrupted, context.step().label, "was interrupted",
                          "start `automask run` again");
    };
    const auto runs = host::run_interleaved(*session, device, spec.name, cells, plan);
    conditions_done += static_cast<double>(group.size());
    for (std::size_t c = 0; c < group.size(); ++c) {
      Measured& of = measured[group[c]];
      of.run = runs[predicts ? 2 * c : c];
      if (predicts) of.predicted = runs[2 * c + 1];
      if (simulated)
        complete_simulated(package, spec.name, conditions[group[c]], of, outcome, device.evidence);
      else
        check_outputs(package, spec.name, conditions[group[c]], of);
      of.labels = std::move(of.pictures.labels);
      of.pictures = {};
    }
  }
  for (std::size_t i = 0; i < conditions.size(); ++i) {
    if (measured[i].fallback) outcome.details["fallback_conditions"].push_back(conditions[i]);
    if (i >= trained) {
      const std::string name = held_out_metric(shown, conditions[i]);
      const auto n = static_cast<std::int64_t>(measured[i].labels.size());
      add_share(outcome, name, conditions[i], count_correct(measured[i].run, measured[i].labels), n, device.evidence);
      if (measured[i].predicted)
        add_share(outcome, "predicted_" + name, conditions[i],
                  count_correct(*measured[i].predicted, measured[i].labels), n, device.evidence);
      continue;
    }
    add_metrics(outcome, conditions[i], measured[i].run, measured[i].labels, device.evidence);
    add_predicted(outcome, conditions[i], measured[i], device.evidence);
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
