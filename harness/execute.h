#pragma once
// Executes a plan's steps in topological order, a few at a time, each once. Processes, terminal and signals are behind
// interfaces.
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "core/json.h"
#include "harness/cache.h"
#include "harness/plan.h"

namespace automask::harness {

enum class Outcome {
  waiting,  // not decided yet
  found,    // finished before
  passed,   // done now
  failed,
  skipped,      // because something it needs failed
  interrupted,  // stopped by the user; nothing lost that had been checkpointed
  not_started,  // the run ended before it was its turn
};

struct StepOutcome {
  Outcome outcome = Outcome::waiting;
  std::string state;              // a failure's run state: failed, dead, timeout, unsupported, mistrusted
  std::string reason;             // one sentence, where it did not pass
  std::string started, finished;  // of a failure
  double seconds = 0;
};

// What a launched step says while it runs and when it ends.
struct LaunchEvent {
  enum class Kind { progress, log, ended };
  Kind kind = Kind::ended;
  std::size_t step = 0;
  core::Json data;        // progress: {"phase", "done", "total", ...}; log: {"message"}
  int wait_status = 0;    // ended: as waitpid() gives it
  std::string last_line;  // ended: the last line on its stderr
};

// Starts steps, as child processes or otherwise.
class Launcher {
 public:
  virtual ~Launcher() = default;  // ends what still runs
  // `lock` is the descriptor of the step's lock; the step shares it.
  virtual void start(std::size_t id, const std::filesystem::path& step_file, const std::filesystem::path& folder,
                     int lock) = 0;
  // Waits at most `milliseconds` and returns what has happened, possibly nothing; also returns when a signal arrives.
  virtual std::vector<LaunchEvent> wait(int milliseconds) = 0;
  virtual void signal_all(int signal) = 0;  // to every running step and its children
};

// Hears what happens, for people and programs.
class ProgressSink {
 public:
  virtual ~ProgressSink() = default;
  // After finished steps have been found and before the first one starts.
  virtual void begin(std::size_t /*to_do*/, std::size_t /*found*/) {}
  virtual void started(std::size_t /*id*/, const Step&) {}
  virtual void progress(std::size_t /*id*/, const Step&, const core::Json& /*event*/) {}
  virtual void ended(std::size_t /*id*/, const Step&, const StepOutcome&) {}
  virtual void note(const std::string& /*sentence*/) {}
  virtual void tick() {}  // every now and then, for clocks on the screen
  virtual void end() {}
};

struct ExecuteOptions {
  int jobs = 1;
  bool fail_fast = false;
  int poll_ms = 200;               // how often locks, signals and ended children are looked at
  double stop_grace_seconds = 10;  // from SIGTERM to SIGKILL
  // 0: go on; 1: finish what runs; 2: stop now.
  std::function<int()> interrupts = [] { return 0; };
  // After each step that is found or passes.
  std::function<void(std::size_t id)> finished = [](std::size_t) {};
};

// Executes the steps of `wanted` (indices; what they need must be among them). One outcome per step of the plan;
// steps that are not wanted stay `waiting`. Throws what `finished` throws, after stopping what runs.
std::vector<StepOutcome> execute(const Plan& plan, const std::vector<std::size_t>& wanted, const Cache& cache,
                                 Launcher& launcher, ProgressSink& sink, const ExecuteOptions& options);

}  // namespace automask::harness
