#include "harness/explain.h"

#include <gmock/gmock.h>

#include "core/atomic_file.h"
#include "support.h"

namespace automask::harness {
namespace {

using test::Json;
using test::TempFolder;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class ExplainTest : public testing::Test {
 protected:
  Plan plan_with(const std::function<void(Json&)>& change) {
    Json json = test::small_manifest();
    change(json);
    return test::plan_of(test::load(folder, json));
  }
  void finish_all() {
    for (const Step& step : plan_with([](Json&) {}).steps) test::write_result(cache, step, 80, 4);
  }
  // label -> why, of the misses.
  std::map<std::string, std::string> misses(const Plan& plan) {
    const auto statuses = inspect(plan, cache, true);
    std::map<std::string, std::string> found;
    for (std::size_t i = 0; i < plan.steps.size(); ++i)
      if (!statuses[i].hit) found[plan.steps[i].label] = statuses[i].why;
    return found;
  }

  TempFolder folder;
  Cache cache{StoreLayout{folder / "store"}};
};

TEST_F(ExplainTest, AnEmptyStoreHasNothingToCompareWith) {
  for (const auto& [label, why] : misses(plan_with([](Json&) {})))
    EXPECT_THAT(why, HasSubstr("step has finished in this store")) << label;
}

TEST_F(ExplainTest, FinishedStepsAreHits) {
  finish_all();
  const Plan plan = plan_with([](Json&) {});
  for (const StepStatus& status : inspect(plan, cache, true)) {
    EXPECT_TRUE(status.hit);
    EXPECT_DOUBLE_EQ(status.seconds, 4);
    EXPECT_TRUE(status.why.empty());
  }
}

TEST_F(ExplainTest, SaysWhichFieldChangedAndFromWhatToWhat) {
  finish_all();
  const auto found = misses(plan_with([](Json& m) { m["methods"]["masked"]["mac_budget"] = 0.4; }));
  ASSERT_EQ(found.size(), 4u);
  EXPECT_THAT(found.at("evaluate toy tiny masked seed 0"), HasSubstr("made anew by train toy tiny masked seed 0"));
  EXPECT_THAT(found.at("train toy tiny masked seed 0"),
              AllOf(HasSubstr("/method/mac_budget: 0.5 -> 0.4"), HasSubstr("nearest: train toy tiny masked seed 0"),
                    Not(HasSubstr("epochs"))));
  EXPECT_THAT(found.at("compile toy tiny masked seed 0"),
              HasSubstr("input checkpoint: made anew by train toy tiny masked seed 0"));
  EXPECT_THAT(found.at("execute toy tiny masked host seed 0"),
              HasSubstr("input package: made anew by compile toy tiny masked seed 0"));
}

TEST_F(ExplainTest, SaysThatDataChanged) {
  finish_all();
  const Plan before = plan_with([](Json&) {});
  const Manifest manifest = test::load(folder, test::small_manifest());
  folder.write("data/train-labels-idx1-ubyte", std::string("other labels"));
  const auto found = misses(test::plan_of(manifest));
  EXPECT_THAT(found.at("train toy tiny plain seed 0"), HasSubstr("input data: "));
}

TEST_F(ExplainTest, SaysThatTheLastAttemptFailed) {
  const Plan plan = plan_with([](Json&) {});
  core::write_file_atomically(cache.folder(plan.steps[0]) / "failure.json",
                              R"({"state": "failed", "reason": "no luck"})");
  EXPECT_THAT(misses(plan).at(plan.steps[0].label), HasSubstr("its last attempt failed: no luck"));
}

TEST_F(ExplainTest, SaysThatAResultIsGone) {
  finish_all();
  const Plan plan = plan_with([](Json&) {});
  core::write_file_atomically(cache.folder(plan.steps[0]) / "result.json", "{");
  EXPECT_FALSE(misses(plan).at(plan.steps[0].label).empty());
}

TEST_F(ExplainTest, EstimatesByFormerStepsOfTheStage) {
  finish_all();
  const Plan plan = plan_with([](Json& m) { m["train"]["epochs"] = 2; });
  const auto statuses = inspect(plan, cache, false);
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    EXPECT_EQ(statuses[i].estimated, !statuses[i].hit);
    const bool longer = plan.steps[i].stage == Stage::train;  // twice the epochs
    EXPECT_DOUBLE_EQ(statuses[i].seconds, longer ? 8 : 4) << plan.steps[i].label;
    EXPECT_TRUE(statuses[i].why.empty());
  }
}

// Twice the epochs are twice the work; another kind of step goes by the mean of its stage.
TEST_F(ExplainTest, EstimatesInProportionToTheWorkOfTheSameKind) {
  const auto with_work = [](Plan plan, const std::string& kind, double amount) {
    for (Step& step : plan.steps)
      if (step.stage == Stage::train) step.work = {kind, amount, 1e3};
    return plan;
  };
  const auto seconds = [&](const Plan& plan) {
    for (std::size_t i = 0; i < plan.steps.size(); ++i)
      if (plan.steps[i].stage == Stage::train) return inspect(plan, cache, false)[i];
    return StepStatus();
  };
  const Plan more = plan_with([](Json& m) { m["train"]["epochs"] = 2; });
  const StepStatus cold = seconds(with_work(more, "train cpu 1", 5e3));
  EXPECT_TRUE(cold.guessed);
  EXPECT_FALSE(cold.estimated);
  EXPECT_DOUBLE_EQ(cold.seconds, 5);
  EXPECT_FALSE(seconds(with_work(more, "train cpu 1", 0)).guessed) << "no work, no idea";
  for (const Step& step : with_work(plan_with([](Json&) {}), "train cpu 1", 1e3).steps)
    test::write_result(cache, step, 80, 4);
  const StepStatus warm = seconds(with_work(more, "train cpu 1", 2e3));
  EXPECT_TRUE(warm.estimated);
  EXPECT_FALSE(warm.guessed);
  EXPECT_DOUBLE_EQ(warm.seconds, 8);
  EXPECT_DOUBLE_EQ(seconds(with_work(more, "train cpu 8", 2e3)).seconds, 4) << "the stage's mean";
}

// What a fresh store is told, until steps of the kind have run: the pictures' disk, too.
TEST_F(ExplainTest, GuessesWhatHasNeverRun) {
  Plan plan = plan_with([](Json&) {});
  for (Step& step : plan.steps)
    if (step.stage == Stage::variant) step.work = variant_work(5e6, 2);
  const auto check = [&](bool warm) {
    const auto statuses = inspect(plan, cache, false);
    for (std::size_t i = 0; i < plan.steps.size(); ++i) {
      if (plan.steps[i].stage != Stage::variant || statuses[i].hit) continue;
      EXPECT_EQ(statuses[i].guessed, !warm);
      EXPECT_EQ(statuses[i].bytes, 5'000'000) << "a byte a value, whatever others took";
    }
  };
  check(false);
  const auto first =
      std::find_if(plan.steps.begin(), plan.steps.end(), [](const Step& step) { return step.stage == Stage::variant; });
  test::write_result(cache, *first, 80, 4);
  check(true);
  for (const Step& step : plan_with([](Json&) {}).steps) {
    if (step.stage != Stage::execute && step.stage != Stage::evaluate) continue;
    EXPECT_GT(step.work.guessed_rate, 0) << step.label << " is this machine's processor's";
  }
  const Work work = variant_work(5e6, 2);
  EXPECT_DOUBLE_EQ(variant_work(5e6, 4).guessed_rate, 2 * work.guessed_rate);
  EXPECT_DOUBLE_EQ(forward_work("evaluate", 1, 3).guessed_rate, 3 * forward_work("evaluate", 1, 1).guessed_rate);
}

TEST(TrainingWork, CountsPassesViewsAndTheTeacher) {
  const auto work = [](const Json& method) {
    return training_work(methods::MethodSpec::from_json({method, "test"}, "mine", {{"epochs", 2}, {"threads", 3}}), 100,
                         500, 10);
  };
  const Work plain = work({{"method", "augment"}});
  EXPECT_EQ(plain.kind, "train cpu 3");
  EXPECT_DOUBLE_EQ(plain.amount, 3 * 100 * 10 * 2);
  EXPECT_GT(plain.guessed_rate, 0);
  EXPECT_DOUBLE_EQ(work({{"method", "augment"}, {"distillation", {{"teacher", "dense"}}}}).amount,
                   (3 * 100 + 500) * 10 * 2);
  EXPECT_DOUBLE_EQ(work({{"method", "augment"}, {"consistency", 1}}).amount, 6 * 100 * 10 * 2);
  EXPECT_DOUBLE_EQ(work({{"method", "augmix"}}).amount, 9 * 100 * 10 * 2);
  EXPECT_DOUBLE_EQ(work({{"method", "augment"}, {"qat", {{"epochs", 1}}}}).amount, 3 * 100 * 10 * 3);
  EXPECT_DOUBLE_EQ(work({{"method", "slimmable"}, {"widths", {1, 0.5}}}).amount, 3 * 1.25 * 100 * 10 * 2);
  EXPECT_EQ(work({{"method", "augment"}, {"train", {{"device", "cuda"}}}}).kind, "train cuda");
}

TEST(Differences, NameCodeVersionFieldsAndInputs) {
  const Json before = {{"code_version", 1},
                       {"parameters", {{"a", 1}, {"b", {{"c", {1, 2}}}}}},
                       {"inputs", Json::array({Json::array({"data", "0123456789abcdef"})})}};
  Json after = before;
  EXPECT_TRUE(differences(before, after).empty());
  after["code_version"] = 2;
  after["parameters"]["b"]["c"] = {1, 2, 3};
  after["parameters"].erase("a");
  after["inputs"][0][1] = "fedcba9876543210";
  EXPECT_THAT(differences(before, after),
              testing::ElementsAre("/a: 1 -> (none)", "/b/c: [1,2] -> [1,2,3]", "code version: 1 -> 2",
                                   "input data: 0123456789 -> fedcba9876"));
}

}  // namespace
}  // namespace automask::harness
