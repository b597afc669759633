#include "hw_targets/host/process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

namespace automask::host {
namespace {

Clock::time_point soon() { return Clock::now() + std::chrono::seconds(20); }

// All that a program writes to its standard output.
std::string output_of(Process& process) {
  std::string all;
  while (Clock::now() < soon()) {
    const Process::Moved moved = process.move({}, soon());
    all += moved.read;
    if (moved.output_closed) break;
  }
  return all;
}

TEST(Process, StartsInAGroupOfItsOwnWithDefaultSignals) {
  // A host that ignores or blocks signals must not pass that on.
  const auto before = ::signal(SIGINT, SIG_IGN);
  Process process(
      {"python3", "-c",
       "import os, signal; print(os.getpgrp() == os.getpid(), signal.getsignal(signal.SIGTERM) == signal.SIG_DFL, "
       "signal.getsignal(signal.SIGINT) == signal.default_int_handler, signal.pthread_sigmask(0, []))"});
  ::signal(SIGINT, before);
  EXPECT_EQ(output_of(process), "True True True set()\n");
  EXPECT_TRUE(process.wait(soon()));
  EXPECT_TRUE(process.clean_exit());
}

TEST(Process, TellsHowItEnded) {
  Process exits({"sh", "-c", "echo so long >&2; exit 7"});
  EXPECT_TRUE(exits.wait(soon()));
  EXPECT_FALSE(exits.clean_exit());
  EXPECT_EQ(exits.ending(), "exited with status 7");
  EXPECT_EQ(exits.log().last_line(), "so long");
  Process dies({"sh", "-c", "kill -SEGV $$"});
  EXPECT_TRUE(dies.wait(soon()));
  EXPECT_EQ(dies.ending(), "was killed by signal 11 (Segmentation fault)");
}

TEST(Process, IsKilledWithoutItsConsent) {
  Process stubborn({"sh", "-c", "trap '' TERM INT HUP; while :; do :; done"});
  EXPECT_FALSE(stubborn.wait(Clock::now()));
  stubborn.kill();
  EXPECT_EQ(stubborn.ending(), "was killed by signal 9 (Killed)");
  stubborn.kill();  // nothing more to do
}

TEST(Process, WritingToOneThatIsGoneRaisesNoSignal) {
  Process gone({"true"});
  ASSERT_TRUE(gone.wait(soon()));
  const Process::Moved moved = gone.move("hello", soon());
  EXPECT_TRUE(moved.input_closed);
  EXPECT_EQ(moved.written, 0u);
}

TEST(Process, StartsWithoutStandardStreamsOfItsHost) {
  // The pipes would take the numbers 0 to 2, which the child's streams overwrite.
  EXPECT_EXIT(
      {
        for (int descriptor = 0; descriptor < 3; ++descriptor) ::close(descriptor);
        Process process({"sh", "-c", "read line; echo got $line; echo log >&2"});
        process.move("it\n", soon());
        const bool good =
            output_of(process) == "got it\n" && process.wait(soon()) && process.log().last_line() == "log";
        ::_exit(good ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

TEST(LogTail, KeepsTheEndOnly) {
  LogTail tail;
  const std::string line(99, 'x');
  for (int i = 0; i < 100'000; ++i) tail.append((line + "\n").data(), 100);
  tail.append("the end\n\n", 9);
  EXPECT_EQ(tail.text().size(), LogTail::limit);
  EXPECT_THAT(tail.text(), testing::EndsWith("x\nthe end\n\n"));
  EXPECT_EQ(tail.last_line(), "the end");
}

TEST(LogTail, TheLastLineIsFitForASentence) {
  LogTail tail;
  EXPECT_EQ(tail.last_line(), "");
  tail.append("only \x1b[31mred\x1b[0m", 16);
  EXPECT_EQ(tail.last_line(), "only ?[31mred?[0");
  tail.append("\r\n\0zero\xff", 8);
  EXPECT_EQ(tail.last_line(), "?zero?");
}

}  // namespace
}  // namespace automask::host
