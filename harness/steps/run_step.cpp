#include "harness/steps/run_step.h"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <thread>

#include "core/atomic_file.h"
#include "core/exceptions.h"
#include "core/hash.h"
#include "harness/environment.h"
#include "hw_targets/host/host.h"

namespace automask::harness::steps {
namespace {

using core::Error;
using core::ExitCode;
using core::Json;

std::atomic<bool> stop{false};

void on_signal(int) {
  // The second signal means now: partial state is atomic on disk, so nothing is lost by leaving.
  if (stop.exchange(true)) ::_exit(static_cast<int>(ExitCode::interrupted));
}

Json number_or_null(double value) { return std::isfinite(value) ? Json(value) : Json(); }

Json to_json(const results::Metric& m) {
  return {{"name", m.name},
          {"condition", m.condition},
          {"value", m.value},
          {"ci_lo", number_or_null(m.ci_lo)},
          {"ci_hi", number_or_null(m.ci_hi)},
          {"evidence", m.evidence},
          {"n", m.n}};
}

Json result_json(const Context& context, const Outcome& outcome, const std::string& started, double seconds) {
  Json metrics = Json::array(), samples = Json::array(), artifacts = Json::array();
  for (const auto& metric : outcome.metrics) {
    if (!std::isfinite(metric.value))
      throw Error(ExitCode::steps_failed, context.step().label, "the metric " + metric.name + " is not a number");
    metrics.push_back(to_json(metric));
  }
  for (const auto& sample : outcome.samples)
    samples.push_back({{"condition", sample.condition}, {"latencies_ms", sample.latencies_ms}});
  for (const auto& file : outcome.files) {
    const auto path = context.folder() / file.name;
    artifacts.push_back({{"kind", file.kind},
                         {"file", file.name},
                         {"bytes", std::filesystem::file_size(path)},
                         {"sha256", core::sha256_file(path)}});
  }
  return {{"schema_version", 1},
          {"key", context.step().key},
          {"stage", to_string(context.step().stage)},
          {"state", "passed"},
          {"reason", ""},
          {"started", started},
          {"finished", utc_now()},
          {"seconds", seconds},
          {"metrics", metrics},
          {"samples", samples},
          {"artifacts", artifacts},
          {"environment", environment_json()},
          {"details", outcome.details}};
}

Outcome dispatch(const Context& context) {
  switch (context.step().stage) {
    case Stage::variant:
      return run_variant(context);
    case Stage::costs:
      return run_costs(context);
    case Stage::train:
      return run_train(context);
    case Stage::compile:
      return run_compile(context);
    case Stage::evaluate:
      return run_evaluate(context);
    case Stage::execute:
      return run_execute(context);
  }
  throw Error(ExitCode::internal, context.step().label, "has an unknown stage");
}

// A failure is recorded where it can be; when even that fails (full disk), stderr and the exit code remain.
int record_failure(const std::filesystem::path& folder, const Context* context, const std::string& started,
                   const std::string& state, const std::string& sentence, ExitCode code) {
  std::cerr << sentence << std::endl;
  try {
    const Json failure = {{"schema_version", 1},
                          {"key", context ? context->step().key : ""},
                          {"stage", context ? std::string(to_string(context->step().stage)) : ""},
                          {"state", state},
                          {"reason", sentence},
                          {"started", started},
                          {"finished", utc_now()}};
    core::write_file_atomically(folder / "failure.json", failure.dump(1) + "\n");
  } catch (const std::exception& e) {
    std::cerr << e.what() << std::endl;
  }
  return static_cast<int>(code);
}

}  // namespace

bool stop_requested() { return stop; }

void end_if_stopped(const Context& context) {
  if (stop_requested())
    throw Error(ExitCode::interrupted, context.step().label, "was interrupted", "start `automask run` again");
}

Context::Context(Step step, std::filesystem::path folder)
    : step_(std::move(step)), folder_(std::move(folder)), file_((folder_ / "step.json").string()) {}

core::JsonCursor Context::parameters() const {
  return {step_.parameters, file_, "/parameters", ExitCode::steps_failed};
}

core::JsonCursor Context::locations() const { return {step_.locations, file_, "/locations", ExitCode::steps_failed}; }

bool Context::has_input(const std::string& name) const {
  for (const auto& [input, key] : step_.inputs)
    if (input == name) return true;
  return false;
}

std::filesystem::path Context::input_folder(const std::string& name, Stage stage) const {
  for (const auto& [input, key] : step_.inputs)
    if (input == name) return folder_.parent_path().parent_path() / std::string(to_string(stage)) / key;
  throw Error(ExitCode::steps_failed, file_, "has no input \"" + name + "\"");
}

int Context::threads() const {
  const int fallback = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  return static_cast<int>(locations().integer_or("threads", fallback));
}

void Context::progress(const std::string& phase, double done, double total, const Json& more) const {
  Json event = {{"event", "progress"}, {"phase", phase}, {"done", done}, {"total", total}};
  if (more.is_object()) event.update(more);
  std::cout << event.dump() << std::endl;
}

int run_step(const std::filesystem::path& step_file, const std::filesystem::path& folder) {
  struct sigaction action = {};
  action.sa_handler = on_signal;
  ::sigaction(SIGTERM, &action, nullptr);
  ::sigaction(SIGINT, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);

  const std::string started = utc_now();
  const auto clock = std::chrono::steady_clock::now();
  std::unique_ptr<Context> context;
  try {
    const Json document = core::read_json_file(step_file, ExitCode::steps_failed);
    context = std::make_unique<Context>(step_from_json({document, step_file.string(), "", ExitCode::steps_failed}),
                                        std::filesystem::absolute(folder));
    const Outcome outcome = dispatch(*context);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - clock).count();
    const Json result = result_json(*context, outcome, started, seconds);
    std::filesystem::remove(folder / "failure.json");
    core::write_file_atomically(folder / "result.json", result.dump(1) + "\n");
    return static_cast<int>(ExitCode::ok);
  } catch (const host::RunnerFailure& e) {
    return record_failure(folder, context.get(), started, std::string(host::run_state(e.kind())), e.what(), e.code());
  } catch (const Error& e) {
    const bool interrupted = e.code() == ExitCode::interrupted;
    return record_failure(folder, context.get(), started, interrupted ? "interrupted" : "failed", e.what(), e.code());
  } catch (const std::exception& e) {
    const std::string where = context ? context->step().label : folder.string();
    if (core::out_of_memory(e))
      return record_failure(folder, context.get(), started, "failed",
                            where + ": out of memory; use smaller batches, fewer --jobs or a machine with more memory",
                            ExitCode::steps_failed);
    return record_failure(folder, context.get(), started, "failed", where + ": " + core::first_line(e),
                          ExitCode::internal);
  }
}

}  // namespace automask::harness::steps
