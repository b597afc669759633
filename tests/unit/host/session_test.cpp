// Conversations with a runner that keeps the protocol.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include "core/hash.h"
#include "tests/unit/host/conversation.h"

namespace automask::host {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

TEST(Session, GivesTheOutputsInTheOrderOfTheRequest) {
  const auto session = Session::start(scripted("honest"));
  const RunResult result = converse(*session);
  EXPECT_EQ(result.classes, 3);
  EXPECT_EQ(result.outputs, expected_logits(pictures(12), 1));
  EXPECT_EQ(result.latencies_ms.size(), 12u);
  EXPECT_GT(result.wall_seconds, 0);
}

TEST(Session, TimesEveryRepetitionAndKeepsOneOutputPerInput) {
  const auto session = Session::start(scripted("honest"));
  Conversation how;
  how.repetitions = 3;
  const RunResult result = converse(*session, how);
  EXPECT_EQ(result.outputs, expected_logits(pictures(12), 1));
  EXPECT_EQ(result.latencies_ms.size(), 36u);
}

TEST(Session, TellsTheDevice) {
  const auto session = Session::start(scripted("honest"));
  const Device device = session->initialize();
  EXPECT_EQ(device.name, "made-up device");
  EXPECT_EQ(device.evidence, "measured");
  EXPECT_EQ(device.formats, std::vector<std::string>{"fp32"});
  EXPECT_EQ(device.details["toolchain"], "Python");
}

TEST(Session, PutsEachPictureOnceAndNamesItByItsHash) {
  const auto session = Session::start(scripted("honest"));
  session->initialize();
  session->load("package");
  const std::vector<std::string> three = pictures(3);
  const auto hashes = session->put_inputs({three[0], three[1], three[0]});
  EXPECT_EQ(hashes, (std::vector<std::string>{core::sha256_hex(three[0]), core::sha256_hex(three[1]), hashes[0]}));
  EXPECT_EQ(session->put_inputs(three)[2], core::sha256_hex(three[2]));
  EXPECT_THROW(session->put_inputs({"too short"}), core::Error);
}

TEST(Session, PutsManyPictures) {
  const auto session = Session::start(scripted("honest"));
  Conversation how;
  how.pictures_put = 10'000;
  EXPECT_EQ(converse(*session, how).outputs, expected_logits(pictures(10'000), 1));
}

TEST(Session, VisitsInAnOrderThatTheSeedDecides) {
  // The runner's log tells the order it was asked for.
  const auto order_of = [](std::uint64_t seed) {
    const auto session = Session::start(scripted("logs_order"));
    session->initialize();
    session->load("package");
    session->prepare({{"threads", 1}});
    RunRequest request{session->put_inputs(pictures(20)), seed, 0, 2};
    session->run(request);
    session->shutdown();
    return session->log_tail();
  };
  const std::string first = order_of(1);
  EXPECT_THAT(first, HasSubstr("40 visits"));
  EXPECT_EQ(first, order_of(1));
  EXPECT_NE(first, order_of(2));
}

TEST(Session, TellsWhichConditionTheRunnerTookForEachPicture) {
  const auto session = Session::start(scripted("honest", {"estimator"}));
  session->initialize();
  session->load("package");
  session->prepare({{"threads", 1}});
  EXPECT_TRUE(session->select_automatically());
  const std::vector<std::string> nine = pictures(9);
  RunRequest request{session->put_inputs(nine), 3, 2, 3};
  const RunResult result = session->run(request);
  EXPECT_EQ(result.conditions, (std::vector<int>{0, 1, 0, 1, 0, 1, 0, 1, 0}));
  std::vector<float> expected;
  for (std::size_t i = 0; i < nine.size(); ++i)
    for (const float logit : expected_logits({nine[i]}, result.conditions[i])) expected.push_back(logit);
  EXPECT_EQ(result.outputs, expected);
  session->select_condition(1);
  EXPECT_TRUE(session->run(request).conditions.empty());
  session->shutdown();
}

TEST(Session, ARunnerWithoutAnEstimatorGoesOn) {
  const auto session = Session::start(scripted("honest"));
  session->initialize();
  session->load("package");
  session->prepare({{"threads", 1}});
  session->select_condition(1);
  EXPECT_FALSE(session->select_automatically());
  const RunResult result = session->run({session->put_inputs(pictures(4)), 3, 0, 1});
  EXPECT_TRUE(result.conditions.empty());
  EXPECT_EQ(result.outputs, expected_logits(pictures(4), 1)) << "the condition stays as it was";
}

TEST(Session, AnEndlessLogNeitherBlocksNorGrows) {
  Limits limits;
  limits.run_base = 60;
  const auto session = Session::start(scripted("floods_stderr", {"fetch_output", "256"}, limits));
  EXPECT_EQ(converse(*session).outputs, expected_logits(pictures(12), 1));
  EXPECT_LE(session->log_tail().size(), 64u * 1024);
  EXPECT_THAT(session->log_tail(), EndsWith("this is the last line\n"));
}

TEST(Session, SimulatedLatenciesAreNotHeldAgainstTheClock) {
  const auto session = Session::start(scripted("lies_about_latency", {"0.001", "rtl_simulated"}));
  EXPECT_EQ(converse(*session).latencies_ms.size(), 12u);
}

TEST(Session, OneOutputForAllPassesHereAndFailsAgainstAReference) {
  const auto session = Session::start(scripted("same_output_for_all"));
  const RunResult result = converse(*session);
  EXPECT_NE(result.outputs, expected_logits(pictures(12), 1));
}

TEST(Session, LeavesNoZombies) {
  { converse(*Session::start(scripted("honest"))); }
  { Session::start(scripted("hangs_at", {"initialize"})); }
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

}  // namespace
}  // namespace automask::host
