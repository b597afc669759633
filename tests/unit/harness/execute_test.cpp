#include "harness/execute.h"

#include <gmock/gmock.h>

#include <set>

#include "core/atomic_file.h"
#include "harness/launch.h"
#include "support.h"

namespace automask::harness {
namespace {

using test::FakeSteps;
using test::Json;
using test::TempFolder;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

// Ends steps when the test says so; nothing runs.
class ScriptedLauncher : public Launcher {
 public:
  // Called at each wait with the steps that run, in the order they were started; returns what happens.
  using Script = std::function<std::vector<LaunchEvent>(const std::vector<std::size_t>& running)>;
  explicit ScriptedLauncher(Script script) : script_(std::move(script)) {}

  void start(std::size_t id, const std::filesystem::path&, const std::filesystem::path&, int) override {
    running.push_back(id);
    started.push_back(id);
    most = std::max(most, running.size());
  }
  std::vector<LaunchEvent> wait(int) override {
    const auto events = script_(running);
    for (const LaunchEvent& event : events)
      if (event.kind == LaunchEvent::Kind::ended) std::erase(running, event.step);
    return events;
  }
  void signal_all(int signal) override { signals.push_back(signal); }

  std::vector<std::size_t> running, started;
  std::vector<int> signals;
  std::size_t most = 0;

 private:
  Script script_;
};

class NoteSink : public ProgressSink {
 public:
  void note(const std::string& sentence) override { notes.push_back(sentence); }
  std::vector<std::string> notes;
};

constexpr int exited(int code) { return code << 8; }
LaunchEvent end_of(std::size_t step, int status, const std::string& last_line = "") {
  return {LaunchEvent::Kind::ended, step, {}, status, last_line};
}

class ExecuteTest : public testing::Test {
 protected:
  ExecuteTest() {
    options.poll_ms = 1;
    for (std::size_t i = 0; i < plan.steps.size(); ++i) all.push_back(i);
  }

  // The oldest running step passes.
  std::vector<LaunchEvent> pass(std::size_t step) {
    test::write_result(cache, plan.steps[step]);
    return {end_of(step, 0)};
  }
  std::size_t step(const std::string& label) const {
    for (std::size_t i = 0; i < plan.steps.size(); ++i)
      if (plan.steps[i].label == label) return i;
    ADD_FAILURE() << "no step " << label;
    return 0;
  }
  std::map<std::string, Outcome> by_label(const std::vector<StepOutcome>& outcomes) const {
    std::map<std::string, Outcome> found;
    for (std::size_t i = 0; i < outcomes.size(); ++i) found[plan.steps[i].label] = outcomes[i].outcome;
    return found;
  }

  TempFolder folder;
  Cache cache{StoreLayout{folder / "store"}};
  Plan plan = test::plan_of(test::load(folder, test::small_manifest()));
  std::vector<std::size_t> all;
  NoteSink sink;
  ExecuteOptions options;
};

TEST_F(ExecuteTest, StartsAStepOnlyAfterWhatItNeeds) {
  std::set<std::size_t> done;
  ScriptedLauncher launcher([&](const auto& running) {
    for (const std::size_t need : plan.needs[running.back()]) EXPECT_TRUE(done.count(need));
    done.insert(running.front());
    return pass(running.front());
  });
  options.jobs = 3;
  for (const StepOutcome& outcome : execute(plan, all, cache, launcher, sink, options))
    EXPECT_EQ(outcome.outcome, Outcome::passed);
  EXPECT_EQ(launcher.started.size(), plan.steps.size());
  EXPECT_EQ(launcher.most, 3u);
}

TEST_F(ExecuteTest, OneJobIsOneAtATimeInTheOrderOfThePlan) {
  ScriptedLauncher launcher([&](const auto& running) { return pass(running.front()); });
  execute(plan, all, cache, launcher, sink, options);
  EXPECT_EQ(launcher.started, all);
  EXPECT_EQ(launcher.most, 1u);
}

// A plan whose two cells are measured by turns.
class InterleavedTest : public ExecuteTest {
 protected:
  InterleavedTest() {
    Json manifest = test::small_manifest();
    manifest["targets"]["host"]["interleave"] = 2;
    plan = test::plan_of(test::load(folder, manifest));
    all.clear();
    for (std::size_t i = 0; i < plan.steps.size(); ++i) all.push_back(i);
    masked = step("execute toy tiny masked host seed 0");
    plain = step("execute toy tiny plain host seed 0");
  }
  std::size_t masked = 0, plain = 0;
};

TEST_F(InterleavedTest, CellsStartTogetherWhenAllAreReadyAndCountAsOneJob) {
  ScriptedLauncher launcher([&](const auto& running) { return pass(running.front()); });
  execute(plan, all, cache, launcher, sink, options);
  EXPECT_EQ(launcher.most, 2u);
  const std::set<std::size_t> last(launcher.started.end() - 2, launcher.started.end());
  EXPECT_EQ(last, (std::set<std::size_t>{masked, plain}));
}

TEST_F(InterleavedTest, AFailedCellIsNotWaitedFor) {
  const std::size_t bad = step("train toy tiny masked seed 0");
  ScriptedLauncher launcher([&](const auto& running) {
    return running.front() == bad ? std::vector<LaunchEvent>{end_of(bad, exited(3))} : pass(running.front());
  });
  const auto outcomes = execute(plan, all, cache, launcher, sink, options);
  EXPECT_EQ(outcomes[plain].outcome, Outcome::passed);
  EXPECT_EQ(outcomes[masked].outcome, Outcome::skipped);
}

TEST_F(InterleavedTest, OneThatCannotBecomeReadyIsNotWaitedForEither) {
  const std::size_t stopped = step("train toy tiny masked seed 0");  // by someone's SIGTERM
  ScriptedLauncher launcher([&](const auto& running) {
    return running.front() == stopped ? std::vector<LaunchEvent>{end_of(stopped, exited(130))} : pass(running.front());
  });
  const auto outcomes = execute(plan, all, cache, launcher, sink, options);
  EXPECT_EQ(outcomes[plain].outcome, Outcome::passed);
  EXPECT_EQ(outcomes[masked].outcome, Outcome::not_started);
}

TEST_F(ExecuteTest, FinishedStepsAreFoundNotDone) {
  for (const Step& each : plan.steps) test::write_result(cache, each);
  std::vector<std::size_t> finished;
  options.finished = [&](std::size_t id) { finished.push_back(id); };
  ScriptedLauncher launcher([](const auto&) { return std::vector<LaunchEvent>{}; });
  for (const StepOutcome& outcome : execute(plan, all, cache, launcher, sink, options))
    EXPECT_EQ(outcome.outcome, Outcome::found);
  EXPECT_TRUE(launcher.started.empty());
  EXPECT_EQ(finished, all);
}

TEST_F(ExecuteTest, AFailureSkipsItsDependentsOnly) {
  const std::size_t bad = step("train toy tiny masked seed 0");
  ScriptedLauncher launcher([&](const auto& running) {
    if (running.front() == bad) return std::vector<LaunchEvent>{end_of(bad, exited(3), "it broke")};
    return pass(running.front());
  });
  const auto outcomes = execute(plan, all, cache, launcher, sink, options);
  const auto found = by_label(outcomes);
  EXPECT_EQ(found.at("train toy tiny masked seed 0"), Outcome::failed);
  EXPECT_EQ(found.at("compile toy tiny masked seed 0"), Outcome::skipped);
  EXPECT_EQ(found.at("execute toy tiny masked host seed 0"), Outcome::skipped);
  EXPECT_EQ(found.at("execute toy tiny plain host seed 0"), Outcome::passed);
  EXPECT_THAT(outcomes[bad].reason, AllOf(HasSubstr("train toy tiny masked seed 0"), HasSubstr("exit code 3"),
                                          HasSubstr("it broke"), HasSubstr("log.txt")));
  EXPECT_THAT(outcomes[step("execute toy tiny masked host seed 0")].reason,
              HasSubstr("train toy tiny masked seed 0 failed"));
}

TEST_F(ExecuteTest, FailFastStartsNothingNew) {
  options.fail_fast = true;
  options.jobs = 2;
  ScriptedLauncher launcher([&](const auto& running) {
    return running.front() == 0 ? std::vector<LaunchEvent>{end_of(0, exited(1))} : pass(running.front());
  });
  const auto outcomes = execute(plan, all, cache, launcher, sink, options);
  EXPECT_THAT(launcher.started, ElementsAre(0, 1));
  EXPECT_EQ(outcomes[0].outcome, Outcome::failed);
  EXPECT_EQ(outcomes[1].outcome, Outcome::passed);  // what ran was finished
  EXPECT_EQ(outcomes[step("train toy tiny plain seed 0")].outcome, Outcome::not_started);
}

TEST_F(ExecuteTest, TheFirstInterruptFinishesWhatRuns) {
  int level = 0;
  options.interrupts = [&] { return level; };
  ScriptedLauncher launcher([&](const auto& running) {
    level = 1;
    return pass(running.front());
  });
  const auto outcomes = execute(plan, all, cache, launcher, sink, options);
  EXPECT_EQ(outcomes[0].outcome, Outcome::passed);
  EXPECT_EQ(outcomes[1].outcome, Outcome::not_started);
  EXPECT_TRUE(launcher.signals.empty());
}

TEST_F(ExecuteTest, TheSecondInterruptStopsAndThenKills) {
  int level = 0;
  options.interrupts = [&] { return level; };
  options.stop_grace_seconds = 0;
  ScriptedLauncher* seen = nullptr;
  ScriptedLauncher launcher([&](const auto& running) {
    level = 2;
    if (seen->signals.size() < 2) return std::vector<LaunchEvent>{};  // deaf to the first
    return std::vector<LaunchEvent>{end_of(running.front(), SIGKILL)};
  });
  seen = &launcher;
  const auto outcomes = execute(plan, all, cache, launcher, sink, options);
  EXPECT_THAT(launcher.signals, ElementsAre(SIGTERM, SIGKILL));
  EXPECT_EQ(outcomes[0].outcome, Outcome::interrupted);
  EXPECT_EQ(outcomes[1].outcome, Outcome::not_started);
}

TEST_F(ExecuteTest, WaitsForAStepThatAnotherProcessDoes) {
  auto held = cache.try_lock(plan.steps[0]);
  int waits = 0;
  ScriptedLauncher launcher([&](const auto& running) {
    if (++waits == 6) {  // the other process finishes it
      test::write_result(cache, plan.steps[0]);
      held.reset();
    }
    return running.empty() ? std::vector<LaunchEvent>{} : pass(running.front());
  });
  const auto outcomes = execute(plan, all, cache, launcher, sink, options);
  EXPECT_EQ(outcomes[0].outcome, Outcome::found);
  EXPECT_EQ(std::count(launcher.started.begin(), launcher.started.end(), 0u), 0);
  EXPECT_THAT(sink.notes, ElementsAre(AllOf(HasSubstr(plan.steps[0].label), HasSubstr("another run"))));
  for (const StepOutcome& outcome : outcomes)
    EXPECT_TRUE(outcome.outcome == Outcome::passed || outcome.outcome == Outcome::found);
}

TEST_F(ExecuteTest, AnErrorWhileRecordingStopsWhatRuns) {
  options.finished = [](std::size_t) { throw core::Error(core::ExitCode::steps_failed, "db", "is full"); };
  ScriptedLauncher launcher([&](const auto& running) { return pass(running.front()); });
  EXPECT_THROW(execute(plan, all, cache, launcher, sink, options), core::Error);
  EXPECT_THAT(launcher.signals, ElementsAre(SIGKILL));
}

// From here on with real child processes.
class ChildTest : public ExecuteTest {
 protected:
  std::vector<StepOutcome> run() {
    const auto launcher = make_local_launcher(steps.program());
    return execute(plan, all, cache, *launcher, sink, options);
  }
  const StepOutcome& first_failure(const std::vector<StepOutcome>& outcomes) {
    const auto found = std::find_if(outcomes.begin(), outcomes.end(),
                                    [](const StepOutcome& o) { return o.outcome == Outcome::failed; });
    if (found == outcomes.end()) throw std::runtime_error("nothing failed");
    return *found;
  }
  FakeSteps steps{folder};
};

TEST_F(ChildTest, DoesAllStepsOnceThenFindsThem) {
  options.jobs = 2;
  for (const StepOutcome& outcome : run()) EXPECT_EQ(outcome.outcome, Outcome::passed) << outcome.reason;
  EXPECT_EQ(steps.log().size(), 2 * plan.steps.size());
  for (const StepOutcome& outcome : run()) EXPECT_EQ(outcome.outcome, Outcome::found);
  EXPECT_EQ(steps.log().size(), 2 * plan.steps.size());
}

TEST_F(ChildTest, TakesStateAndReasonFromFailureJson) {
  steps.fail("train * plain *");
  const auto outcomes = run();
  const StepOutcome& failure = first_failure(outcomes);
  EXPECT_EQ(failure.state, "unsupported");
  EXPECT_EQ(failure.reason, "train toy tiny plain seed 0: the fake was told to fail");
  steps.obey_no_more();
  for (const StepOutcome& outcome : run())
    EXPECT_TRUE(outcome.outcome == Outcome::passed || outcome.outcome == Outcome::found);
  EXPECT_FALSE(std::filesystem::exists(cache.folder(plan.steps[step("train toy tiny plain seed 0")]) / "failure.json"));
}

TEST_F(ChildTest, ElseFromHowItEnded) {
  steps.fail_silently("train * plain *");
  const StepOutcome silent = first_failure(run());
  EXPECT_EQ(silent.state, "failed");
  EXPECT_THAT(silent.reason, AllOf(HasSubstr("exit code 3"), HasSubstr("it last said: the last word")));
  steps.obey_no_more();
  steps.die("train * plain *");
  const StepOutcome dead = first_failure(run());
  EXPECT_EQ(dead.state, "dead");
  EXPECT_THAT(dead.reason, HasSubstr("signal 11"));
  steps.obey_no_more();
  steps.no_result("train * plain *");
  EXPECT_THAT(first_failure(run()).reason, HasSubstr("without a usable result"));
}

TEST_F(ChildTest, KeepsTheLog) {
  steps.fail_silently("train * plain *");
  run();
  EXPECT_EQ(core::read_file(cache.folder(plan.steps[step("train toy tiny plain seed 0")]) / "log.txt"),
            "something odd\nthe last word\n");
}

// Interrupted twice as soon as the step hangs.
class StopTest : public ChildTest {
 protected:
  std::vector<StepOutcome> run_and_stop(const std::string& when) {
    options.interrupts = [this, when] {
      const auto lines = steps.log();
      return !lines.empty() && lines.back().rfind(when, 0) == 0 ? 2 : 0;
    };
    return run();
  }
};

TEST_F(StopTest, StopsAHangingStep) {
  steps.hang("train * plain *");
  const auto outcomes = run_and_stop("hangs");
  EXPECT_EQ(outcomes[step("train toy tiny plain seed 0")].outcome, Outcome::interrupted);
  EXPECT_EQ(outcomes[step("compile toy tiny plain seed 0")].outcome, Outcome::not_started);
}

TEST_F(StopTest, KillsAStepThatDoesNotListen) {
  steps.ignore_stop("train * plain *");
  options.stop_grace_seconds = 0.05;
  const auto outcomes = run_and_stop("deaf");
  EXPECT_EQ(outcomes[step("train toy tiny plain seed 0")].outcome, Outcome::interrupted);
}

TEST(LocalLauncher, NamesAMissingProgram) {
  EXPECT_THAT(test::sentence_of([] { make_local_launcher("/nowhere/automask-step"); }, core::ExitCode::internal),
              AllOf(HasSubstr("/nowhere/automask-step"), HasSubstr("automask doctor")));
}

}  // namespace
}  // namespace automask::harness
