// Stage execute where each condition has a package of its own. The protocol lets a runner load one after the other; the
// estimator's answer is worked out here, by the same integer arithmetic that a device would use. So accuracy with the
// predicted condition is the runner's own outputs, its latency is not: a switch is the loading of another package,
// which is measured as such. Where the engine is simulated, outputs are the integer reference's (simulated.h).
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <limits>

#include "core/atomic_file.h"
#include "core/hash.h"
#include "harness/environment.h"
#include "harness/held_out.h"
#include "harness/manifest.h"
#include "harness/steps/execute_results.h"
#include "harness/steps/members.h"
#include "harness/steps/simulated.h"
#include "harness/steps/turn.h"
#include "hw_targets/host/host.h"
#include "hw_targets/host/interleave.h"
#include "hw_targets/host/plausibility.h"
#include "hw_targets/host/portions.h"
#include "hw_targets/host/registry.h"

namespace automask::harness::steps {
namespace {

constexpr int spot_checked_pictures = 16;

// What is known of one condition of the test.
struct Tested {
  std::string name;
  int oracle = 0;
  std::vector<int> labels;
  std::vector<int> estimated;  // per picture; empty without an estimator
  host::CellResult run;        // by the oracle's package
  std::int64_t predicted_hits = 0;
};

std::vector<std::uint32_t> assigned_to(const Tested& tested, int k) {
  std::vector<std::uint32_t> own;
  for (std::size_t i = 0; i < tested.estimated.size(); ++i)
    if (tested.estimated[i] == k) own.push_back(static_cast<std::uint32_t>(i));
  return own;
}

std::int64_t hits_of(const host::CellResult& run, const std::vector<int>& labels,
                     const std::vector<std::uint32_t>& pictures) {
  const auto classes = static_cast<std::size_t>(run.classes);
  std::int64_t hits = 0;
  for (const std::uint32_t i : pictures) {
    const auto first = run.outputs.begin() + static_cast<std::ptrdiff_t>(i * classes);
    hits += std::max_element(first, first + run.classes) - first == labels[i];
  }
  return hits;
}

class Members {
 public:
  explicit Members(const Context& context)
      : context_(context),
        folder_(context.input_folder("package", Stage::compile)),
        index_(read_package_index(folder_)),
        spec_(host::runner_from_json(context.locations().at("runner"))),
        turn_(context.store(), spec_.name),
        session_(host::Session::start(spec_)),
        device_(session_->initialize()) {
    const auto parameters = context.parameters();
    for (const std::string& name : parameters.at("conditions").strings()) tested_.push_back({name, 0, {}, {}, {}, 0});
    trained_ = tested_.size();
    if (parameters.has("held_out"))
      for (const std::string& name : parameters.at("held_out").strings()) tested_.push_back({name, 0, {}, {}, {}, 0});
  }

  Outcome run() {
    outcome_.details = {{"device", device_.details},
                        {"condition_source", "oracle"},
                        {"predicted_conditions", index_.estimator.empty() ? "there is no estimator" : "by the host"},
                        {"state_before", session_->state()},
                        {"host_before", host_state_json()}};
    for (std::size_t k = 0; k < index_.conditions.size(); ++k) member(static_cast<int>(k));
    for (std::size_t i = 0; i < tested_.size(); ++i) add(i);
    if (device_.evidence == "measured" && !load_ms_.empty()) {
      double sum = 0;
      for (const double ms : load_ms_) sum += ms;
      const double none = std::numeric_limits<double>::quiet_NaN();
      outcome_.metrics.push_back({"switch_load", "", sum / static_cast<double>(load_ms_.size()), none, none, "measured",
                                  static_cast<std::int64_t>(load_ms_.size())});
    }
    outcome_.details["state"] = session_->state();
    outcome_.details["host_after"] = host_state_json();
    try {
      session_->shutdown();
    } catch (const host::RunnerFailure& failure) {  // what was measured before is still good
      outcome_.details["shutdown"] = failure.what();
    }
    return std::move(outcome_);
  }

 private:
  void member(int k) {
    const std::string bytes = core::read_file(folder_ / package_name(static_cast<std::size_t>(k)));
    const auto package = package::decode(bytes, package_name(static_cast<std::size_t>(k)));
    const auto clock = std::chrono::steady_clock::now();
    session_->load(bytes);
    outcome_.details["placement"] = session_->prepare(preparation(context_.parameters().at("options").value()));
    load_ms_.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - clock).count());
    host::require_own_macs(spec_.name, package, outcome_.details["placement"]);
    const bool simulated = is_simulated(device_, package);
    if (simulated) outcome_.details["accuracy"] = simulated_accuracy();
    for (Tested& tested : tested_) {
      context_.progress("execute", static_cast<double>(done_++),
                        static_cast<double>(tested_.size() * index_.conditions.size()));
      const auto pictures = executed_pictures(context_, tested.name);
      if (tested.labels.empty()) meet(tested, pictures, package.graph.input);
      const std::vector<std::uint32_t> own = assigned_to(tested, k);
      if (tested.oracle == k) {
        if (simulated) {
          simulate(package, k, tested, pictures);
        } else {
          tested.run = execute(k, tested.name, pictures, timed_plan(tested.name));
          check(package, tested.name, pictures, tested.run);
        }
        tested.predicted_hits += hits_of(tested.run, tested.labels, own);
      } else if (!own.empty()) {
        const auto subset = datasets::subset(pictures, own);
        if (simulated) {
          host::CellResult run;
          run.outputs = reference_outputs(package, 0, subset);
          run.classes = static_cast<int>(run.outputs.size() / subset.size());
          tested.predicted_hits += count_correct(run, subset.labels);
          continue;
        }
        host::BlockPlan plan;
        plan.seed = seed_of(tested.name + " predicted");
        plan.warmup = 0;
        plan.min_latencies = 1;
        plan.stop = stop_requested;
        const auto run = execute(k, tested.name, subset, plan);
        check(package, tested.name + " (predicted)", subset, run);
        tested.predicted_hits += count_correct(run, subset.labels);
      }
    }
  }

  void meet(Tested& tested, const datasets::PictureSet& pictures, const graph::Shape& input) const {
    tested.labels = pictures.labels;
    tested.oracle = set_for(index_.conditions, tested.name);
    if (index_.estimator.empty()) return;
    for (std::size_t i = 0; i < pictures.size(); ++i)
      tested.estimated.push_back(package::estimate(index_.estimator, pictures.picture(i).data(), input));
  }

  std::uint64_t seed_of(const std::string& what) const {
    return core::hash64(fmt::format("{} {} {}", context_.step().key, what, context_.parameters().at("seed").integer()));
  }

  host::BlockPlan timed_plan(const std::string& condition) {
    const auto options = context_.parameters().at("options");
    host::BlockPlan plan;
    plan.seed = seed_of(condition);
    plan.warmup = static_cast<int>(options.integer_or("warmup", 20));
    plan.repetitions = static_cast<int>(options.integer_or("repetitions", 1));
    plan.min_latencies = static_cast<int>(options.integer_or("min_latencies", 50));
    plan.min_seconds = options.number_or("min_seconds", 0);
    plan.stop = stop_requested;
    plan.between = [this] { turn_.pass_on(); };
    return plan;
  }

  // Some pictures are executed and held against the reference, whose outputs are those of all.
  void simulate(const package::Package& package, int k, Tested& tested, const datasets::PictureSet& pictures) {
    host::BlockPlan plan = timed_plan(tested.name);
    visit_once(plan);
    tested.run = execute(k, tested.name, datasets::subset(pictures, simulated_share(pictures.size())), plan);
    Simulated simulated = hold_against_reference(package, 0, pictures, tested.run.outputs);
    add_agreement(outcome_, spec_.name, tested.name, simulated, device_.evidence);
    tested.run.outputs = std::move(simulated.logits);
  }

  host::CellResult execute(int k, const std::string& condition, const datasets::PictureSet& pictures,
                           const host::BlockPlan& plan) {
    host::CellResult all;
    for (const host::Portion& portion : host::portions_of(0, pictures.size(), pictures.picture_bytes())) {
      end_if_stopped(context_);
      const auto shown = datasets::as_strings(pictures, portion.first, portion.count);
      const host::RunCell cell{0, session_->put_inputs(shown, true)};
      auto runs = host::run_interleaved(*session_, device_, spec_.name, {cell}, plan);
      if (runs.size() != 1)
        throw core::Error(core::ExitCode::internal, fmt::format("member {} on {}", k, condition), "gave no result");
      host::append(all, std::move(runs.front()));
    }
    return all;
  }

  void check(const package::Package& package, const std::string& condition, const datasets::PictureSet& pictures,
             const host::CellResult& run) const {
    const auto checked = spot_check(package, 0, pictures, run.outputs, spot_checked_pictures);
    if (!checked.passed())
      throw host::RunnerFailure(host::FailureKind::mistrusted, spec_.name, disagreement(condition, checked),
                                "look for a wrong weight layout, input order or number format in the runner");
  }

  void add(std::size_t i) {
    const Tested& tested = tested_[i];
    const auto n = static_cast<std::int64_t>(tested.labels.size());
    const bool predicts = !tested.estimated.empty();
    if (i < trained_) {
      add_metrics(outcome_, tested.name, tested.run, tested.labels, device_.evidence);
      if (!predicts) return;
      add_share(outcome_, "predicted_top1", tested.name, tested.predicted_hits, n, device_.evidence);
      add_share(outcome_, "estimator_accuracy", tested.name,
                std::count(tested.estimated.begin(), tested.estimated.end(), tested.oracle), n, device_.evidence);
      return;
    }
    const std::string name = held_out_metric(index_.conditions, tested.name);
    add_share(outcome_, name, tested.name, count_correct(tested.run, tested.labels), n, device_.evidence);
    if (predicts) add_share(outcome_, "predicted_" + name, tested.name, tested.predicted_hits, n, device_.evidence);
  }

  const Context& context_;
  std::filesystem::path folder_;
  PackageIndex index_;
  host::RunnerSpec spec_;
  Turn turn_;
  std::unique_ptr<host::Session> session_;
  host::Device device_;
  std::vector<Tested> tested_;
  std::size_t trained_ = 0, done_ = 0;
  std::vector<double> load_ms_;
  Outcome outcome_;
};

}  // namespace

Outcome execute_members(const Context& context) { return Members(context).run(); }

}  // namespace automask::harness::steps
