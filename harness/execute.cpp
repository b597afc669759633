#include "harness/execute.h"

#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>
#include <optional>
#include <set>

#include "core/atomic_file.h"
#include "harness/environment.h"

namespace automask::harness {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// How a step's process ended, for people.
std::string describe_end(int wait_status) {
  if (WIFSIGNALED(wait_status)) {
    const int signal = WTERMSIG(wait_status);
    std::string text = "its process was killed by signal " + std::to_string(signal) + " (" + ::strsignal(signal) + ")";
    if (signal == SIGKILL) text += ", as the kernel does when memory runs out";
    return text;
  }
  return "its process ended with exit code " + std::to_string(WEXITSTATUS(wait_status));
}

// The device that a step shares with others of its kind by turns, and with how many; nothing where it works alone.
struct Share {
  std::string device;
  std::size_t most = 1;
};

Share share_of(const Step& step) {
  if (step.stage != Stage::execute) return {};
  const auto options = step.parameters.find("options");
  const std::int64_t most = options == step.parameters.end() ? 1 : options->value("interleave", std::int64_t{1});
  return most > 1 ? Share{step.parameters.value("runner", ""), static_cast<std::size_t>(most)} : Share{};
}

class Execution {
 public:
  Execution(const Plan& plan, const std::vector<std::size_t>& wanted, const Cache& cache, Launcher& launcher,
            ProgressSink& sink, const ExecuteOptions& options)
      : plan_(plan),
        cache_(cache),
        launcher_(launcher),
        sink_(sink),
        options_(options),
        wanted_(wanted.begin(), wanted.end()),
        outcomes_(plan.steps.size()),
        unmet_(plan.steps.size(), 0),
        dependents_(plan.steps.size()) {
    for (const std::size_t id : wanted_)
      for (const std::size_t need : plan.needs[id]) {
        dependents_[need].push_back(id);
        ++unmet_[id];
      }
    for (const std::size_t id : wanted_)
      if (Share share = share_of(plan.steps[id]); share.most > 1) shares_.emplace(id, std::move(share));
  }

  std::vector<StepOutcome> run() {
    find_finished();
    while (true) {
      heed_interrupts();
      if (may_start()) start_ready();
      if (running_.empty() && (!may_start() || (ready_.empty() && busy_.empty()))) break;
      for (const LaunchEvent& event : launcher_.wait(options_.poll_ms)) handle(event);
      sink_.tick();
    }
    for (const std::size_t id : wanted_)
      if (outcomes_[id].outcome == Outcome::waiting) outcomes_[id].outcome = Outcome::not_started;
    return std::move(outcomes_);
  }

 private:
  struct Running {
    StepLock lock;
    Clock::time_point start;
    std::string started;
  };

  const Step& step(std::size_t id) const { return plan_.steps[id]; }

  void find_finished() {
    std::size_t found = 0;
    for (const std::size_t id : wanted_) {
      if (const auto result = cache_.find(step(id))) {
        ++found;
        succeed(id, Outcome::found, result->seconds);
      }
    }
    ready_.clear();
    for (const std::size_t id : wanted_)
      if (unmet_[id] == 0 && outcomes_[id].outcome == Outcome::waiting) ready_.insert(id);
    sink_.begin(wanted_.size() - found, found);
  }

  void succeed(std::size_t id, Outcome outcome, double seconds) {
    outcomes_[id].outcome = outcome;
    outcomes_[id].seconds = seconds;
    sink_.ended(id, step(id), outcomes_[id]);
    for (const std::size_t dependent : dependents_[id])
      if (--unmet_[dependent] == 0 && outcomes_[dependent].outcome == Outcome::waiting) ready_.insert(dependent);
    options_.finished(id);
  }

  void fail(std::size_t id, StepOutcome outcome) {
    outcome.outcome = outcome.state == "interrupted" ? Outcome::interrupted : Outcome::failed;
    outcomes_[id] = std::move(outcome);
    sink_.ended(id, step(id), outcomes_[id]);
    if (outcomes_[id].outcome == Outcome::interrupted) return;  // dependents were not started, not skipped
    failed_ = true;
    skip_dependents(id, step(id).label + " failed");
  }

  void skip_dependents(std::size_t id, const std::string& reason) {
    for (const std::size_t dependent : dependents_[id]) {
      StepOutcome& outcome = outcomes_[dependent];
      if (outcome.outcome != Outcome::waiting) continue;
      outcome.outcome = Outcome::skipped;
      outcome.state = "skipped";
      outcome.reason = reason;
      sink_.ended(dependent, step(dependent), outcome);
      skip_dependents(dependent, reason);
    }
  }

  void heed_interrupts() {
    const int level = options_.interrupts();
    if (level >= 1 && level_ < 1 && !running_.empty())
      sink_.note("interrupted: finishing the running step" + std::string(running_.size() > 1 ? "s" : "") +
                 "; interrupt again to stop now");
    if (level >= 2 && level_ < 2) {
      stopping_ = Clock::now();
      if (!running_.empty()) sink_.note("stopping; the next run goes on from here");
      launcher_.signal_all(SIGTERM);
    }
    level_ = std::max(level_, level);
    if (stopping_ && !killed_ && seconds_since(*stopping_) > options_.stop_grace_seconds) {
      killed_ = true;
      launcher_.signal_all(SIGKILL);
    }
  }

  bool may_start() const { return level_ == 0 && !(options_.fail_fast && failed_); }

  void start_ready() {
    // What another process was doing may be finished or free now.
    ready_.insert(busy_.begin(), busy_.end());
    const std::set<std::size_t> told = std::move(busy_);
    busy_.clear();
    start_those([this](std::size_t id) { return may_start_now(id); }, told);
    // Nothing is left that could make the others ready: those that waited for them start without.
    if (running_.empty() && busy_.empty())
      start_those([this](std::size_t id) { return shares_.count(id) > 0 && has_room(id); }, told);
  }

  void start_those(const std::function<bool(std::size_t)>& may, const std::set<std::size_t>& told) {
    for (auto next = ready_.begin(); next != ready_.end();) {
      if (shares_.empty() && !has_free_job()) break;
      if (!may(*next)) {
        ++next;
        continue;
      }
      const std::size_t id = *next;
      next = ready_.erase(next);
      try {
        start(id, told.count(id) > 0);
      } catch (const core::Error& error) {
        fail(id, {Outcome::failed, "failed", error.what(), utc_now(), utc_now(), 0});
      }
    }
  }

  // Steps that take turns on a device count as one.
  bool has_free_job() const {
    std::set<std::string> devices;
    std::size_t jobs = 0;
    for (const auto& [id, unused] : running_) {
      const auto share = shares_.find(id);
      jobs += share == shares_.end() || devices.insert(share->second.device).second ? 1 : 0;
    }
    return jobs < static_cast<std::size_t>(std::max(options_.jobs, 1));
  }

  bool has_room(std::size_t id) const {
    const auto share = shares_.find(id);
    if (share == shares_.end()) return has_free_job();
    const auto together = std::count_if(running_.begin(), running_.end(), [&](const auto& running) {
      const auto other = shares_.find(running.first);
      return other != shares_.end() && other->second.device == share->second.device;
    });
    return together == 0 ? has_free_job() : static_cast<std::size_t>(together) < share->second.most;
  }

  // Those that take turns start together, when all of them can: measured side by side, drift strikes them alike.
  bool may_start_now(std::size_t id) const {
    if (!has_room(id)) return false;
    const auto share = shares_.find(id);
    return share == shares_.end() || std::none_of(shares_.begin(), shares_.end(), [&](const auto& other) {
             return other.second.device == share->second.device && outcomes_[other.first].outcome == Outcome::waiting &&
                    unmet_[other.first] > 0;
           });
  }

  void start(std::size_t id, bool told) {
    auto lock = cache_.try_lock(step(id));
    if (!lock) {
      if (!told) sink_.note(step(id).label + ": another run is doing this step; waiting for it");
      busy_.insert(id);
      return;
    }
    // Another process may have finished it since the plan was made.
    if (const auto result = cache_.find(step(id))) {
      succeed(id, Outcome::found, result->seconds);
      return;
    }
    const auto folder = cache_.folder(step(id));
    std::error_code absent;
    std::filesystem::remove(folder / "failure.json", absent);
    std::filesystem::remove(folder / "result.json", absent);  // a damaged one
    core::write_file_atomically(folder / "step.json", to_json(step(id)).dump(1) + "\n");
    launcher_.start(id, folder / "step.json", folder, lock->descriptor());
    running_.emplace(id, Running{std::move(*lock), Clock::now(), utc_now()});
    sink_.started(id, step(id));
  }

  void handle(const LaunchEvent& event) {
    const auto running = running_.find(event.step);
    if (running == running_.end()) return;
    if (event.kind == LaunchEvent::Kind::progress) {
      sink_.progress(event.step, step(event.step), event.data);
    } else if (event.kind == LaunchEvent::Kind::log) {
      sink_.note(step(event.step).label + ": " + event.data.value("message", ""));
    } else {
      const Running ended = std::move(running->second);
      running_.erase(running);
      end(event, ended);
    }
  }

  void end(const LaunchEvent& event, const Running& running) {
    const Step& done = step(event.step);
    if (WIFEXITED(event.wait_status) && WEXITSTATUS(event.wait_status) == 0) {
      if (const auto result = cache_.find(done)) return succeed(event.step, Outcome::passed, result->seconds);
      return fail(event.step, {Outcome::failed, "failed", done.label + ": its process ended without a usable result",
                               running.started, utc_now(), seconds_since(running.start)});
    }
    fail(event.step, failure_of(event, running));
  }

  // From what the child wrote where it could, else from how it ended.
  StepOutcome failure_of(const LaunchEvent& event, const Running& running) const {
    const Step& failed = step(event.step);
    StepOutcome outcome;
    outcome.started = running.started;
    outcome.finished = utc_now();
    outcome.seconds = seconds_since(running.start);
    const auto file = cache_.folder(failed) / "failure.json";
    try {
      if (std::filesystem::exists(file)) {
        const core::Json failure = core::read_json_file(file);
        outcome.state = failure.value("state", "failed");
        outcome.reason = failure.value("reason", "");
      }
    } catch (const std::exception&) {
      // Falls through to what the process itself tells.
    }
    // A step asked to stop may well fail on the way: its runner was asked, too.
    if (stopping_) outcome.state = "interrupted";
    if (!outcome.state.empty() && !outcome.reason.empty()) return outcome;
    const bool asked = stopping_ || (WIFEXITED(event.wait_status) && WEXITSTATUS(event.wait_status) == 130);
    outcome.state = asked ? "interrupted" : WIFSIGNALED(event.wait_status) ? "dead" : "failed";
    outcome.reason = failed.label + ": " + describe_end(event.wait_status);
    if (!event.last_line.empty()) outcome.reason += "; it last said: " + event.last_line;
    outcome.reason += "; see " + (cache_.folder(failed) / "log.txt").string();
    return outcome;
  }

  const Plan& plan_;
  const Cache& cache_;
  Launcher& launcher_;
  ProgressSink& sink_;
  const ExecuteOptions& options_;
  std::set<std::size_t> wanted_;
  std::vector<StepOutcome> outcomes_;
  std::vector<std::size_t> unmet_;
  std::vector<std::vector<std::size_t>> dependents_;
  std::set<std::size_t> ready_;  // in the order of the plan, so that cells complete one by one
  std::set<std::size_t> busy_;   // locked by another process
  std::map<std::size_t, Share> shares_;
  std::map<std::size_t, Running> running_;
  bool failed_ = false, killed_ = false;
  int level_ = 0;
  std::optional<Clock::time_point> stopping_;
};

}  // namespace

std::vector<StepOutcome> execute(const Plan& plan, const std::vector<std::size_t>& wanted, const Cache& cache,
                                 Launcher& launcher, ProgressSink& sink, const ExecuteOptions& options) {
  try {
    auto outcomes = Execution(plan, wanted, cache, launcher, sink, options).run();
    sink.end();
    return outcomes;
  } catch (...) {
    launcher.signal_all(SIGKILL);
    sink.end();
    throw;
  }
}

}  // namespace automask::harness
