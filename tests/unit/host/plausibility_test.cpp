#include "hw_targets/host/plausibility.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/package/packages.h"

namespace automask::host {
namespace {

using testing::HasSubstr;

TimedCall call(double wall, double latency, std::size_t executions) {
  return {wall + 0.001, wall, latency, executions};
}

// 10,000 executions of 0.2 ms and a message that costs 30 ms.
const TimedCall brief = call(0.05, 0.02, 100);

TEST(Plausibility, BelievesAnHonestRun) {
  EXPECT_EQ(implausible(brief, call(2.03, 2.0, 10'000)), "");
  // Bookkeeping of 10 us per execution, and a process that was not scheduled for 40 ms.
  EXPECT_EQ(implausible(brief, call(2.17, 2.0, 10'000)), "");
  // A slow link: 0.4 s for every message.
  EXPECT_EQ(implausible(call(0.42, 0.02, 100), call(2.4, 2.0, 10'000)), "");
  // The host lost its processor after sending, for longer than the run took.
  EXPECT_EQ(implausible(brief, {2.01, 0.5, 2.0, 10'000}), "");
  EXPECT_EQ(implausible(call(0.001, 0.0009, 1), call(0.001, 0.00001, 1)), "");
}

TEST(Plausibility, CountsMultiplyAccumulatesItself) {
  const package::Package package = packages::make(networks::chain(), {"clean", "a"}, 5);
  core::Json own = core::Json::array();
  for (const package::Condition& condition : package.conditions)
    own.push_back(graph::cost(graph::shrink(package.graph, condition.mask)).macs);
  EXPECT_EQ(other_macs(package, {{"threads", 1}}), "") << "a runner need not tell";
  EXPECT_EQ(other_macs(package, {{"macs", own}}), "");
  core::Json more = own;
  more[1] = own[1].get<std::int64_t>() + 1;
  EXPECT_THAT(other_macs(package, {{"macs", more}}), HasSubstr("multiply-accumulates for \"a\", the package has"));
  EXPECT_THAT(other_macs(package, {{"macs", {1}}}), HasSubstr("a number for each of the 2 conditions"));
  EXPECT_NE(other_macs(package, {{"macs", "all"}}), "");
  EXPECT_NE(other_macs(package, {{"macs", {nullptr, "x"}}}), "");
}

TEST(Plausibility, FlagsMoreTimeThanThereWas) {
  EXPECT_THAT(implausible(brief, call(2.0, 2.1, 10'000)),
              HasSubstr("add up to 2.100 s, but the whole run took 2.001 s"));
}

TEST(Plausibility, FlagsTimeThatIsMissing) {
  EXPECT_THAT(implausible(brief, call(2.03, 1.2, 10'000)), HasSubstr("more than 15 % is missing"));
  EXPECT_EQ(implausible(brief, call(20.03, 17.1, 10'000)), "");
  EXPECT_NE(implausible(brief, call(20.03, 16.5, 10'000)), "");
}

TEST(Plausibility, AShortRunExcusesAtMostHalfASecond) {
  EXPECT_NE(implausible(call(60, 0.01, 100), call(2.5, 1.0, 10'000)), "");
  EXPECT_NE(implausible(call(0, 60, 100), call(2.5, 1.0, 10'000)), "");
}

}  // namespace
}  // namespace automask::host
