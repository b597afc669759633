#include "core/error.h"

#include <gtest/gtest.h>

namespace automask::core {
namespace {

TEST(Error, IsOneSentenceOfPlaceProblemAndRemedy) {
  const Error error(ExitCode::invalid_manifest, "a.json: /seeds", "is empty", "give at least one");
  EXPECT_STREQ(error.what(), "a.json: /seeds: is empty; give at least one");
  EXPECT_EQ(error.code(), ExitCode::invalid_manifest);
  EXPECT_EQ(error.where(), "a.json: /seeds");
  EXPECT_EQ(error.problem(), "is empty");
  EXPECT_EQ(error.remedy(), "give at least one");
}

TEST(Error, LeavesEmptyPartsOut) {
  EXPECT_STREQ(Error(ExitCode::usage, "", "too few words").what(), "too few words");
  EXPECT_STREQ(Error(ExitCode::usage, "--jobs", "is 0").what(), "--jobs: is 0");
  EXPECT_STREQ(Error(ExitCode::usage, "", "is 0", "give 1").what(), "is 0; give 1");
}

TEST(Error, KeepsTheDocumentedExitCodes) {
  const ExitCode codes[] = {
      ExitCode::ok,           ExitCode::internal,   ExitCode::usage,       ExitCode::invalid_manifest,
      ExitCode::steps_failed, ExitCode::regression, ExitCode::gate_missed, ExitCode::nothing_ran,
      ExitCode::corrupt};
  int expected = 0;
  for (const ExitCode code : codes) EXPECT_EQ(static_cast<int>(code), expected++);
  EXPECT_EQ(static_cast<int>(ExitCode::interrupted), 130);
}

}  // namespace
}  // namespace automask::core
