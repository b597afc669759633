#include "harness/held_out.h"

#include <gtest/gtest.h>

namespace automask::harness {
namespace {

using corruptions::Condition;

std::vector<Condition> conditions(const std::vector<const char*>& names) {
  std::vector<Condition> all;
  for (const char* name : names) all.push_back(Condition::parse(name));
  return all;
}

TEST(HeldOut, TheNearestSeverityOfTheSameChainIsTheRightOne) {
  const auto trained = conditions({"clean", "fog:1", "fog:4", "jpeg:q10", "jpeg:1KiB", "fog:3 > jpeg:q50"});
  const auto right = [&](const char* name) { return right_set(trained, Condition::parse(name)); };
  EXPECT_EQ(right("clean"), 0);
  EXPECT_EQ(right("fog:4"), 2);
  EXPECT_EQ(right("fog:2"), 1);
  EXPECT_EQ(right("fog:5"), 2);
  EXPECT_EQ(right("jpeg:q90"), 3);  // qualities and budgets of bytes are not compared
  EXPECT_EQ(right("jpeg:8KiB"), 4);
  EXPECT_EQ(right("fog:1 > jpeg:q90"), 5);
  EXPECT_EQ(right("jpeg:q50 > fog:3"), std::nullopt);
  EXPECT_EQ(right("frost:1"), std::nullopt);
}

TEST(HeldOut, OfTwoEquallyNearTheFirst) {
  EXPECT_EQ(right_set(conditions({"fog:4", "fog:2"}), Condition::parse("fog:3")), 0);
}

TEST(HeldOut, AGeneralSetServesWhatNoConditionDescribes) {
  const std::vector<std::string> own = {"clean", "fog:1", "jpeg:q10"}, general = {"clean", "fog:1", "jpeg:q10", "*"};
  EXPECT_EQ(set_for(general, "jpeg:q10"), 2);
  EXPECT_EQ(set_for(general, "fog:4"), 1);
  EXPECT_EQ(set_for(general, "frost:1"), 3);
  EXPECT_EQ(set_for(own, "fog:4"), 1);
  EXPECT_EQ(set_for(own, "frost:1"), 0);
  EXPECT_EQ(set_for({"*"}, "frost:1"), 0);
  EXPECT_EQ(set_for({"width:1", "width:0.5"}, "frost:1"), 0);
  EXPECT_EQ(set_for({"width:1", "width:0.5"}, "width:0.5"), 1);
}

TEST(HeldOut, TellsSeveritiesFromCorruptions) {
  const auto trained = conditions({"clean", "fog:1"});
  EXPECT_EQ(unseen_of(trained, Condition::parse("fog:5")), Unseen::severity);
  EXPECT_EQ(unseen_of(trained, Condition::parse("frost:5")), Unseen::corruption);
  EXPECT_EQ(to_string(Unseen::severity), "severity");
}

TEST(HeldOut, IsShownByItselfAndOfAnUnseenCorruptionByMore) {
  const auto trained = conditions({"clean", "fog:1", "jpeg:q10"});
  const auto shown = [&](const char* other, const char* unseen) {
    return shows(Condition::parse(other), Condition::parse(unseen), trained);
  };
  EXPECT_TRUE(shown("fog:3", "fog:3"));
  EXPECT_FALSE(shown("fog:2", "fog:3"));  // a severity of a trained corruption
  EXPECT_TRUE(shown("frost:1", "frost:5"));
  EXPECT_TRUE(shown("frost:1 > jpeg:q50", "frost:5"));
  EXPECT_FALSE(shown("contrast:2", "frost:5"));
  EXPECT_FALSE(shown("clean", "frost:5"));
  // Its operators are trained, in other chains.
  EXPECT_FALSE(shown("fog:2", "fog:3 > jpeg:q20"));
  EXPECT_TRUE(shown("fog:2 > jpeg:q5", "fog:3 > jpeg:q20"));
}

}  // namespace
}  // namespace automask::harness
