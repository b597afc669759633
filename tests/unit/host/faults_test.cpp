// Every way a runner can fail is a typed failure with one sentence, in time, and leaves nothing behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <functional>
#include <thread>

#include "core/atomic_file.h"
#include "tests/unit/host/conversation.h"

namespace automask::host {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

void expect_failure(const RunnerSpec& spec, FailureKind kind, const std::string& state, const std::string& part,
                    const Conversation& how = {}) {
  try {
    const auto session = Session::start(spec);
    converse(*session, how);
    FAIL() << spec.name << " was believed";
  } catch (const RunnerFailure& e) {
    EXPECT_EQ(e.kind(), kind) << e.what();
    EXPECT_EQ(run_state(e.kind()), state);
    EXPECT_THAT(e.what(), AllOf(HasSubstr("runner " + spec.name + ": "), HasSubstr(part), Not(HasSubstr("\n"))));
    EXPECT_EQ(e.code(), core::ExitCode::steps_failed);
  }
}

Limits short_limit(double Limits::*field, double seconds = 0.2) {
  Limits limits;
  limits.*field = seconds;
  if (field == &Limits::run_base) limits.run_per_inference = 0.001;
  return limits;
}

TEST(Fault, NotStarted) {
  expect_failure({"gone", {"automask-no-such-program"}, {}, "/etc/gone.json"}, FailureKind::not_started, "failed",
                 "cannot start automask-no-such-program: No such file or directory; check the command registered in "
                 "/etc/gone.json");
  expect_failure({"folder", {"/"}, {}, "here"}, FailureKind::not_started, "failed", "Permission denied");
  expect_failure({"empty", {}, {}, "here"}, FailureKind::not_started, "failed", "has no command");
}

TEST(Fault, DiesAtAnyMessage) {
  constexpr int messages = 11;  // initialize to shutdown: `run` is sent three times
  for (int n = 1; n <= messages; ++n)
    expect_failure(scripted("dies_at_message", {std::to_string(n)}), FailureKind::died, "dead",
                   "was killed by signal 9 (Killed) while answering " + std::string(n == messages ? "shutdown" : ""));
  expect_failure(scripted("dies_at_message", {"6"}), FailureKind::died, "dead",
                 "while answering run; its log ends with \"the device fell off the bus\"");
  converse(*Session::start(scripted("dies_at_message", {std::to_string(messages + 1)})));
}

TEST(Fault, ExitsWithoutAnAnswer) {
  expect_failure(scripted("exits_without_answer", {"run"}), FailureKind::died, "dead",
                 "exited with status 3 while answering run");
  // Within a request larger than a pipe: SIGPIPE must not end the host.
  expect_failure(scripted("exits_without_answer", {"load"}), FailureKind::died, "dead",
                 "exited with status 3 while answering load");
}

TEST(Fault, AFailedSessionStaysFailed) {
  const auto session = Session::start(scripted("exits_without_answer", {"load"}));
  session->initialize();
  std::string first;
  try {
    session->load("package");
    FAIL();
  } catch (const RunnerFailure& e) {
    first = e.what();
  }
  for (const auto& call :
       {std::function<void()>([&] { session->state(); }), std::function<void()>([&] { session->shutdown(); })}) {
    try {
      call();
      FAIL();
    } catch (const RunnerFailure& e) {
      EXPECT_EQ(e.what(), first);
    }
  }
}

TEST(Fault, HangsAtEachMessage) {
  const std::pair<const char*, double Limits::*> cases[] = {
      {"initialize", &Limits::initialize}, {"load", &Limits::load},
      {"prepare", &Limits::prepare},       {"run", &Limits::run_base},
      {"shutdown", &Limits::shutdown},     {"select_condition", &Limits::message},
      {"put_inputs", &Limits::message},    {"fetch_output", &Limits::message},
      {"state", &Limits::message}};
  // All at once, as `--jobs` does: sessions share nothing, and the waits overlap.
  std::vector<std::jthread> sessions;
  for (const auto& one : cases)
    sessions.emplace_back([&one] {
      expect_failure(scripted("hangs_at", {one.first}, short_limit(one.second, 1)), FailureKind::timed_out, "timeout",
                     one.first);
    });
}

TEST(Fault, ADescendantIsKilledToo) {
  // As its reaper this process learns how the runner's child ended.
  ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
  const auto file = std::filesystem::temp_directory_path() / ("automask-host-test-" + std::to_string(::getpid()));
  std::filesystem::remove(file);
  expect_failure(scripted("hangs_at", {"state", file.string()}, short_limit(&Limits::message, 1)),
                 FailureKind::timed_out, "timeout", "did not answer in time while answering state");
  const int child = std::stoi(core::read_file(file));
  std::filesystem::remove(file);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  ::prctl(PR_SET_CHILD_SUBREAPER, 0);
}

TEST(Fault, DoesNotRead) {
  expect_failure(scripted("does_not_read", {}, short_limit(&Limits::load)), FailureKind::timed_out, "timeout",
                 "did not read the request in time while answering load");
}

TEST(Fault, TricklesBeyondItsLimit) {
  expect_failure(scripted("slow_trickle", {"prepare"}, short_limit(&Limits::prepare)), FailureKind::timed_out,
                 "timeout", "did not answer in time while answering prepare");
}

TEST(Fault, Banner) { expect_failure(scripted("banner"), FailureKind::garbage, "failed", "wrote \"Made-up SDK 4.2"); }

TEST(Fault, Garbage) {
  const std::pair<const char*, const char*> cases[] = {{"bytes", "where a frame should start"},
                                                       {"header", "not a number of bytes"},
                                                       {"json", "is not valid JSON"},
                                                       {"array", "is no JSON-RPC 2.0 message"},
                                                       {"no_id", "is no answer to request 6, run"},
                                                       {"notification", "is no answer to request 6, run"},
                                                       {"binary", "wrote a binary frame instead of the answer to run"},
                                                       {"nested", "nested more than 64 deep"},
                                                       {"oversized", "a frame of 99999999999 bytes"}};
  for (const auto& [kind, part] : cases)
    expect_failure(scripted("garbage", {"run", kind}), FailureKind::garbage, "failed", part);
}

TEST(Fault, FloodsItsOutput) {
  expect_failure(scripted("floods_stdout", {"run"}), FailureKind::garbage, "failed", "where a frame should start");
  expect_failure(scripted("floods_stdout", {"load"}), FailureKind::garbage, "failed", "where a frame should start");
  expect_failure(scripted("floods_stdout", {"run", "frame"}), FailureKind::garbage, "failed",
                 "a frame of 9999999999 bytes");
}

// Each size limit, on a runner with which nothing is wrong.
TEST(Fault, SaysMoreThanItsLimit) {
  Limits limits;
  limits.answer_bytes = 40;
  expect_failure(scripted("honest", {}, limits), FailureKind::garbage, "failed", "more than the 40");
  limits = {};
  limits.long_answer_bytes = 40;
  expect_failure(scripted("honest", {}, limits), FailureKind::garbage, "failed", "more than the 40");
  limits = {};
  limits.frame_bytes = 64;  // of outputs: 12 pictures have 144
  EXPECT_THROW(converse(*Session::start(scripted("honest", {}, limits))), core::Error);
}

TEST(Fault, TruncatesItsAnswer) {
  expect_failure(scripted("truncated_frame", {"run"}), FailureKind::died, "dead",
                 "exited with status 0 while answering run, within a frame");
  expect_failure(scripted("truncated_frame", {"run", "hangs"}, short_limit(&Limits::run_base)), FailureKind::timed_out,
                 "timeout", "did not answer in time while answering run");
}

TEST(Fault, AnswersBeforeItHasRead) {
  expect_failure(scripted("answers_early", {"load", "error"}), FailureKind::refused, "failed",
                 "refused load: no room for a package of this size (code -32004)");
  expect_failure(scripted("answers_early", {"load", "result"}), FailureKind::garbage, "failed",
                 "answered load before it had read the request");
}

TEST(Fault, Refusals) {
  const auto session = Session::start(scripted("honest"));
  session->initialize();
  try {
    session->load("");
    FAIL();
  } catch (const RunnerFailure& e) {
    EXPECT_EQ(e.kind(), FailureKind::refused);
    EXPECT_THAT(e.what(), HasSubstr("refused load: an empty package (code -32003)"));
  }
  const auto other = Session::start(scripted("honest"));
  other->initialize();
  other->load("package");
  try {
    other->prepare({{"format", "int8"}});
    FAIL();
  } catch (const RunnerFailure& e) {
    EXPECT_EQ(e.kind(), FailureKind::unsupported);
    EXPECT_EQ(run_state(e.kind()), "unsupported");
    EXPECT_THAT(e.what(), HasSubstr("refused prepare: no number format int8"));
  }
}

TEST(Fault, SpeaksAnotherVersion) {
  expect_failure(scripted("wrong_version"), FailureKind::refused, "failed", "speaks protocol 2, not 1");
  expect_failure(scripted("wrong_version", {"refuses"}), FailureKind::refused, "failed",
                 "this runner speaks protocol 2");
}

TEST(Fault, WrongAnswers) {
  const std::pair<const char*, const char*> cases[] = {
      {"fewer_latencies", "0 latencies for 1 executions"},
      {"negative_latency", "a latency of -1.000000 ms"},
      {"null_latency", "a wrong \"latencies_ms\": [null]"},
      {"fewer_outputs", "24 bytes instead of 36"},
      {"nan_output", "a logit that is not a finite number"},
      {"frame_hash", "a binary frame that is not the one it announced"},
      {"input_hash", "other hashes than those of the pictures sent"},
      {"threads", "7 threads instead of the 1 asked for"},
      {"no_device", "answered initialize with no \"name\""},
      {"evidence", "a wrong \"evidence\": sworn"},
      {"condition", "another condition than the one asked for"},
      {"no_state", "answered state with no \"throttled\""}};
  Conversation how;
  how.pictures_put = 3;
  for (const auto& [kind, part] : cases)
    expect_failure(scripted("wrong_answer", {kind}), FailureKind::bad_answer, "failed", part, how);
}

TEST(Fault, WrongConditions) {
  const std::pair<const char*, const char*> cases[] = {
      {"fewer_conditions", "2 conditions for 3 executions"},
      {"foreign_condition", "a condition 2 that the package does not have"},
      {"no_conditions", "a wrong \"conditions\": null"},
      {"not_auto", "answered select_condition with no \"auto\""}};
  Conversation how;
  how.pictures_put = 3;
  how.automatic = true;
  for (const auto& [kind, part] : cases)
    expect_failure(scripted("wrong_answer", {kind, "estimator"}), FailureKind::bad_answer, "failed", part, how);
  how.repetitions = 2;
  expect_failure(scripted("wrong_answer", {"changing_condition", "estimator"}), FailureKind::mistrusted, "mistrusted",
                 "took different conditions for two visits of one picture", how);
}

TEST(Fault, OutputsAreNotBoundToTheRun) {
  expect_failure(scripted("wrong_digest"), FailureKind::bad_answer, "failed",
                 "outputs other than those whose digest it gave for the run");
}

TEST(Fault, LiesAboutItsLatency) {
  Conversation how;
  how.pictures_put = 30;  // 150 ms of work
  expect_failure(scripted("lies_about_latency", {"0.1"}), FailureKind::mistrusted, "mistrusted",
                 "more than 15 % is missing", how);
  expect_failure(scripted("lies_about_latency", {"3"}), FailureKind::mistrusted, "mistrusted", "but the whole run took",
                 how);
  converse(*Session::start(scripted("lies_about_latency", {"1"})), how);
}

TEST(Fault, AnotherProgramsTimeIsAskedForAgain) {
  Conversation how;
  how.pictures_put = 30;
  const RunResult result = converse(*Session::start(scripted("lies_about_latency", {"0.1", "measured", "2"})), how);
  EXPECT_EQ(result.latencies_ms.size(), 30u);
  for (const double latency : result.latencies_ms) EXPECT_GE(latency, 5) << "of the run that was believed";
  expect_failure(scripted("lies_about_latency", {"0.1", "measured", "3"}), FailureKind::mistrusted, "mistrusted",
                 "more than 15 % is missing, and so it was each of 3 times", how);
}

TEST(Fault, GivesOtherOutputsAtEachVisit) {
  Conversation how;
  how.repetitions = 2;
  expect_failure(scripted("unstable_output"), FailureKind::mistrusted, "mistrusted", "different outputs for two visits",
                 how);
}

TEST(Fault, IsThrottled) {
  expect_failure(scripted("wrong_answer", {"throttled"}), FailureKind::mistrusted, "mistrusted", "was throttled");
}

TEST(Fault, DoesNotExit) {
  expect_failure(scripted("does_not_exit", {}, short_limit(&Limits::shutdown)), FailureKind::timed_out, "timeout",
                 "did not exit in time after shutdown");
  expect_failure(scripted("does_not_exit", {"4"}), FailureKind::died, "dead", "exited with status 4 after shutdown");
}

}  // namespace
}  // namespace automask::host
