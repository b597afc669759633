#include "harness/summaries.h"

#include <gmock/gmock.h>

#include <cmath>

#include "support.h"

namespace automask::harness {
namespace {

using results::Metric;
using test::Json;
using test::TempFolder;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

class Summaries : public testing::Test {
 protected:
  Summaries() {
    Json json = test::small_manifest();  // clean, jpeg:q20
    json["held_out"] = {"jpeg:q5", "jpeg:q60", "fog:3"};
    json["mixes"] = {{"mostly_clean", {{"clean", 3}, {"*", 1}}}};
    manifest_ = test::load(folder_, json);
  }
  void add(const std::string& name, const std::string& condition, double value) {
    metrics_.push_back({name, condition, value, value - 1, value + 2, "measured", 100});
  }
  // The metric, or NaN for one that is not there.
  Metric of(const std::string& name, const std::string& condition = "") const {
    for (const Metric& metric : summaries(manifest_, metrics_))
      if (metric.name == name && metric.condition == condition) return metric;
    return {name, condition, nan, nan, nan, "", 0};
  }

  TempFolder folder_;
  Manifest manifest_;
  std::vector<Metric> metrics_;
};

TEST_F(Summaries, OneNetworkForAllNeedsNoEstimator) {
  add("top1", "clean", 90);
  add("top1", "jpeg:q20", 70);
  add("macs", "", 1000);
  add("condition_sets", "", 1);
  EXPECT_DOUBLE_EQ(of("mean_top1_trained").value, 80);
  EXPECT_DOUBLE_EQ(of("mean_top1_trained").ci_lo, 79);
  EXPECT_DOUBLE_EQ(of("mean_top1_trained").ci_hi, 82);
  EXPECT_EQ(of("mean_top1_trained").n, 200);
  EXPECT_DOUBLE_EQ(of("clean_top1").value, 90);
  EXPECT_DOUBLE_EQ(of("mix_top1", "mostly_clean").value, 85);
  EXPECT_DOUBLE_EQ(of("mix_macs", "mostly_clean").value, 1000);
  EXPECT_DOUBLE_EQ(of("mean_macs").value, 1000);
  EXPECT_TRUE(std::isnan(of("mean_top1_oracle").value));
  EXPECT_TRUE(std::isnan(of("mix_latency_median", "mostly_clean").value)) << "nothing was measured";
}

TEST_F(Summaries, TheHeadlineIsWithThePredictedCondition) {
  for (const auto& [condition, oracle, predicted] : {std::tuple{"clean", 90.0, 88.0}, {"jpeg:q20", 70.0, 66.0}}) {
    add("top1", condition, oracle);
    add("macs", condition, oracle * 10);
    add("latency_median", condition, 1);
    add("predicted_latency_median", condition, 2);
  }
  add("condition_sets", "", 2);
  EXPECT_TRUE(std::isnan(of("mean_top1_trained").value)) << "an oracle's accuracy must never stand in its place";
  EXPECT_DOUBLE_EQ(of("mean_top1_oracle").value, 80);
  add("predicted_top1", "clean", 88);
  add("predicted_top1", "jpeg:q20", 66);
  EXPECT_DOUBLE_EQ(of("mean_top1_trained").value, 77);
  EXPECT_DOUBLE_EQ(of("clean_top1").value, 88);
  EXPECT_DOUBLE_EQ(of("mix_top1", "mostly_clean").value, 0.75 * 88 + 0.25 * 66);
  EXPECT_DOUBLE_EQ(of("mix_macs", "mostly_clean").value, 850);
  EXPECT_DOUBLE_EQ(of("mix_latency_median", "mostly_clean").value, 2);
}

TEST_F(Summaries, HeldOutConditionsStandApart) {
  add("top1", "clean", 90);
  add("top1", "jpeg:q20", 70);
  add("unseen_severity_top1", "jpeg:q5", 40);
  EXPECT_TRUE(std::isnan(of("mean_top1_unseen_severity").value)) << "one of the two is missing";
  add("unseen_severity_top1", "jpeg:q60", 80);
  add("unseen_corruption_top1", "fog:3", 30);
  EXPECT_DOUBLE_EQ(of("mean_top1_trained").value, 80);
  EXPECT_DOUBLE_EQ(of("mean_top1_unseen_severity").value, 60);
  EXPECT_DOUBLE_EQ(of("mean_top1_unseen_corruption").value, 30);
}

TEST_F(Summaries, OfSeveralWidthsTheFirstServesAllConditions) {
  add("top1", "clean", 90);
  add("top1", "jpeg:q20", 70);
  add("condition_sets", "", 2);
  add("macs", "width:0.5", 1000);
  add("macs", "width:1", 4000);
  add("mean_macs", "", 1000);
  EXPECT_DOUBLE_EQ(of("mean_top1_trained").value, 80);
  EXPECT_DOUBLE_EQ(of("mix_macs", "mostly_clean").value, 1000);
  EXPECT_TRUE(std::isnan(of("mean_macs").value)) << "recorded where the package was made";
}

TEST_F(Summaries, AdaptingAtTestTimeCountsInTheMacs) {
  add("macs", "", 1000);
  add("adaptation_macs", "", 700);
  EXPECT_DOUBLE_EQ(of("mean_macs").value, 1700);
  EXPECT_DOUBLE_EQ(of("mix_macs", "mostly_clean").value, 1700);
}

}  // namespace
}  // namespace automask::harness
