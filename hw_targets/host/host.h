#pragma once
// Starts, supervises and times runners: start here. A runner that crashes, hangs or lies is a typed failure, never
// the end of an experiment.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/json.h"

namespace automask::host {

// Limits per message, by its kind: seconds for sending, working and answering, and bytes of what comes back.
struct Limits {
  double initialize = 30, load = 60, prepare = 120, message = 30;
  double run_base = 30, run_per_inference = 1.0;  // run: base + inferences x per_inference
  double shutdown = 5;
  std::uint64_t answer_bytes = std::uint64_t(1) << 20;        // JSON of all answers but the next line's
  std::uint64_t long_answer_bytes = std::uint64_t(64) << 20;  // of prepare, put_inputs, run and power
  std::uint64_t frame_bytes = std::uint64_t(1) << 30;         // one binary frame, of either side
};

// A machine at the end of an ssh. Nothing is asked at the terminal: keys must be in place.
struct Ssh {
  std::string host;                  // "board", "user@board", a name of ssh's own configuration
  std::vector<std::string> options;  // further arguments of ssh, before the host: {"-p", "2222"}
};

// A runner as registered in its JSON file, never in a manifest.
struct RunnerSpec {
  std::string name;                  // "cpu"
  std::vector<std::string> command;  // program and arguments; a program without a slash is looked up beside the running
                                     // one, then in PATH
  Limits limits;
  std::string file;          // where it was registered, for messages; "built in" for ours
  std::optional<Ssh> ssh{};  // where the command is started, if not here; its words arrive there as they are
};

// Built-in runners and those in <dir>/*.json for each folder of the search path; a later one replaces an earlier.
std::vector<RunnerSpec> load_registry(const std::vector<std::filesystem::path>& folders);
RunnerSpec find_runner(const std::vector<RunnerSpec>& registry, const std::string& name);  // Error(usage), suggestion

// How a runner failed, and the run state it becomes: died -> dead, timed_out -> timeout, others -> failed,
// mistrusted -> mistrusted, unsupported -> unsupported.
enum class FailureKind { not_started, died, timed_out, garbage, refused, bad_answer, mistrusted, unsupported };
std::string_view run_state(FailureKind kind);

class RunnerFailure : public core::Error {
 public:
  RunnerFailure(FailureKind kind, const std::string& runner, const std::string& problem, const std::string& remedy);
  FailureKind kind() const { return kind_; }

 private:
  FailureKind kind_;
};

struct Device {
  std::string name, serial, toolchain, evidence;  // evidence: measured, rtl_simulated, modelled, quoted
  std::vector<std::string> formats;               // "fp32", "int8", ...
  core::Json details;                             // all of the runner's answer
};

// One `run` message as both sides saw it. The host may lose its processor between sending the request and reading its
// clock, so that the time after sending can be shorter than the runner's work.
struct TimedCall {
  double outer_seconds = 0;    // the host's clock, from before the request was sent to the answer's last byte
  double wall_seconds = 0;     // the same from after the request was sent
  double latency_seconds = 0;  // the sum of the runner's latencies
  std::size_t executions = 0;
};

struct RunRequest {
  std::vector<std::string> inputs;  // SHA-256 of pictures put before, in order of the test set
  std::uint64_t order_seed = 0;     // the runner visits them in this seed's order, which it cannot foresee
  int warmup = 10;
  int repetitions = 1;  // times each input is visited
  int threads = 0;      // what the caller believes prepare() chose, checked; 0: any
  // True once the run should end early: the runner is asked to cancel, and run() throws Error(interrupted) where it
  // does; one that cannot finishes the run. Empty: never.
  std::function<bool()> stop = {};
};

struct RunResult {
  std::vector<float> outputs;  // [inputs, classes]: logits, in the order of the request, from each input's first
                               // timed execution
  int classes = 0;
  std::vector<int> conditions;       // after select_automatically(): what was taken for each input; else empty
  std::vector<double> latencies_ms;  // one per inference, in the order visited
  double wall_seconds = 0;           // the host's own clock around the timed executions
  TimedCall brief, full;             // the short run before, and the one that counts
};

// Seconds on the runner's own clock, and watts.
using PowerSample = std::pair<double, double>;

// One runner process. Every call obeys its time limit and throws RunnerFailure; after a failure the process is gone.
// Calls come in the order of docs/runner-protocol.md. Not for use by two threads at once.
class Session {
 public:
  static std::unique_ptr<Session> start(const RunnerSpec& spec);
  virtual ~Session() = default;  // kills what is left

  virtual Device initialize() = 0;
  virtual void load(const std::string& package_bytes) = 0;
  virtual core::Json prepare(const core::Json& options) = 0;  // {"threads": n, "format": "fp32"}
  virtual void select_condition(int index) = 0;
  // The runner picks each picture's condition from now on, by the package's estimator. False: it cannot, and the
  // condition stays as it was.
  virtual bool select_automatically() = 0;
  // One picture of u8 [H, W, C] per element; kept by the runner under its SHA-256, sent only once, many in a frame.
  // With `forget` the runner may drop all pictures put before.
  virtual std::vector<std::string> put_inputs(const std::vector<std::string>& pictures, bool forget = false) = 0;
  // Warms up, then times. Checks the digest against the nonce, the outputs of repeated visits against each other, the
  // wall clock against the sum of latencies (15 %, measured evidence only), and that the device is not throttled.
  // Whether the outputs are right is for the caller to spot-check against a reference.
  virtual RunResult run(const RunRequest& request) = 0;
  virtual core::Json state() = 0;
  // Since the last call; nothing where the runner has no sensor.
  virtual std::optional<std::vector<PowerSample>> power() = 0;
  virtual void shutdown() = 0;  // fails when the runner does not exit cleanly: what was measured before is still good
  virtual std::string log_tail() const = 0;  // the end of its stderr
};

}  // namespace automask::host
