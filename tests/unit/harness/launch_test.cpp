#include "harness/launch.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "tests/unit/core/temporary_folder.h"

namespace automask::harness {
namespace {

// What a step sees of OMP_WAIT_POLICY, written by a step program that is a script.
std::string policy_seen() {
  const testing::TemporaryFolder folder;
  const auto script = folder.path() / "step";
  std::ofstream(script) << "#!/bin/sh\necho \"$OMP_WAIT_POLICY\" > \"$2/seen\"\n";
  std::filesystem::permissions(script, std::filesystem::perms::owner_all);
  const auto launcher = make_local_launcher(script);
  launcher->start(0, folder.path() / "step.json", folder.path(), -1);
  for (bool ended = false; !ended;)
    for (const LaunchEvent& event : launcher->wait(1000)) ended |= event.kind == LaunchEvent::Kind::ended;
  std::string seen;
  std::getline(std::ifstream(folder.path() / "seen"), seen);
  return seen;
}

TEST(Launch, ThreadsOfStepsSleepUnlessTheUserSaysOtherwise) {
  ::unsetenv("OMP_WAIT_POLICY");
  EXPECT_EQ(policy_seen(), "passive");
  ::setenv("OMP_WAIT_POLICY", "active", 1);
  EXPECT_EQ(policy_seen(), "active");
  ::unsetenv("OMP_WAIT_POLICY");
}

TEST(Launch, RunnersDoNotInheritThePolicy) {
  ::setenv("OMP_WAIT_POLICY", "passive", 1);
  ::setenv("AUTOMASK_SET_OMP_WAIT_POLICY", "1", 1);
  keep_inheritance_here();
  EXPECT_EQ(std::getenv("OMP_WAIT_POLICY"), nullptr);
  ::setenv("OMP_WAIT_POLICY", "active", 1);  // the user's own
  keep_inheritance_here();
  EXPECT_STREQ(std::getenv("OMP_WAIT_POLICY"), "active");
  ::unsetenv("OMP_WAIT_POLICY");
}

}  // namespace
}  // namespace automask::harness
