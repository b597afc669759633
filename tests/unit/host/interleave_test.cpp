#include "hw_targets/host/interleave.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

namespace automask::host {
namespace {

TEST(PlanBlocks, VisitsEachInputOfEachCellOnce) {
  const std::vector<std::size_t> sizes = {100, 7, 0, 1000};
  std::vector<std::vector<int>> visits(sizes.size());
  for (std::size_t c = 0; c < sizes.size(); ++c) visits[c].assign(sizes[c], 0);
  for (const Block& block : plan_blocks(sizes, 0, 1)) {
    EXPECT_FALSE(block.inputs.empty());
    for (const std::size_t input : block.inputs) ++visits.at(block.cell).at(input);
  }
  for (const auto& cell : visits)
    EXPECT_TRUE(std::all_of(cell.begin(), cell.end(), [](int count) { return count == 1; }));
}

TEST(PlanBlocks, AnEighthOfTheCellWithinLimits) {
  const auto largest = [](std::size_t inputs, std::size_t block) {
    std::size_t most = 0;
    for (const Block& b : plan_blocks({inputs}, block, 1)) most = std::max(most, b.inputs.size());
    return most;
  };
  EXPECT_EQ(largest(800, 0), 100u);
  EXPECT_EQ(largest(50, 0), 16u);
  EXPECT_EQ(largest(100000, 0), 256u);
  EXPECT_EQ(largest(800, 5), 5u);
}

TEST(PlanBlocks, TheSeedDecidesTheOrderAndCellsMix) {
  const auto cells = [](std::uint64_t seed) {
    std::vector<std::size_t> order;
    for (const Block& block : plan_blocks({400, 400}, 10, seed)) order.push_back(block.cell);
    return order;
  };
  EXPECT_EQ(cells(1), cells(1));
  EXPECT_NE(cells(1), cells(2));
  const auto order = cells(3);
  std::size_t changes = 0;
  for (std::size_t i = 1; i < order.size(); ++i) changes += order[i] != order[i - 1];
  EXPECT_GT(changes, 20u);  // of 79; one after the other would have 1
}

// A device whose condition k takes k + 1 ms and slows down steadily: by turns, all conditions suffer alike.
class DriftingSession : public Session {
 public:
  Device initialize() override { return {}; }
  void load(const std::string&) override {}
  core::Json prepare(const core::Json&) override { return {}; }
  void select_condition(int index) override { condition_ = index; }
  bool select_automatically() override { return false; }
  std::vector<std::string> put_inputs(const std::vector<std::string>&, bool) override { return {}; }
  RunResult run(const RunRequest& request) override {
    requests.push_back(request);
    RunResult result;
    result.classes = 1;
    for (const std::string& input : request.inputs) {
      result.outputs.push_back(std::stof(input));
      result.latencies_ms.push_back((condition_ + 1) * (1 + 0.001 * executed_++));
    }
    const double seconds = std::accumulate(result.latencies_ms.begin(), result.latencies_ms.end(), 0.0) / 1e3;
    result.full = {seconds, seconds, seconds, request.inputs.size()};
    return result;
  }
  core::Json state() override { return {}; }
  // 3 W, then 5 W for as long; since it was asked last.
  std::optional<std::vector<PowerSample>> power() override {
    if (!sensor) return std::nullopt;
    return std::vector<PowerSample>{{1, 3}, {1.5, 3}, {1.5, 5}, {2, 5}};
  }
  void shutdown() override {}
  std::string log_tail() const override { return ""; }

  std::vector<RunRequest> requests;
  bool sensor = false;

 private:
  int condition_ = 0, executed_ = 0;
};

std::vector<std::string> numbered(std::size_t count) {
  std::vector<std::string> inputs;
  for (std::size_t i = 0; i < count; ++i) inputs.push_back(std::to_string(i));
  return inputs;
}

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

TEST(Interleave, DriftStrikesAllConditionsAlike) {
  DriftingSession session;
  BlockPlan plan;
  plan.seed = 5;
  plan.block = 10;
  const auto results =
      run_interleaved(session, {}, "drifting", {{0, numbered(500)}, {1, numbered(500)}, {2, numbered(500)}}, plan);
  ASSERT_EQ(results.size(), 3u);
  // One after the other the third would be 5 times the first; the device slows from 1 to 2.5.
  EXPECT_NEAR(mean(results[1].latencies_ms) / mean(results[0].latencies_ms), 2, 0.2);
  EXPECT_NEAR(mean(results[2].latencies_ms) / mean(results[0].latencies_ms), 3, 0.3);
}

TEST(Interleave, OutputsStandInTheOrderOfTheInputs) {
  DriftingSession session;
  BlockPlan plan;
  plan.block = 7;
  const auto results = run_interleaved(session, {}, "drifting", {{0, numbered(60)}}, plan);
  for (std::size_t i = 0; i < 60; ++i) EXPECT_EQ(results[0].outputs.at(i), static_cast<float>(i));
}

TEST(Interleave, EveryBlockHasItsEnergy) {
  DriftingSession session;
  session.sensor = true;
  BlockPlan plan;
  plan.block = 10;
  const auto results = run_interleaved(session, {}, "drifting", {{0, numbered(200)}, {1, numbered(200)}}, plan);
  for (const CellResult& cell : results) {
    EXPECT_EQ(cell.block_mj.size(), cell.blocks);
    EXPECT_NEAR(mean(cell.block_mj), 4 * mean(cell.latencies_ms), 1e-9) << "4 W x ms";
  }
  EXPECT_LT(results[0].block_mj.front(), results[0].block_mj.back()) << "the device slows down";
  session.sensor = false;
  EXPECT_TRUE(run_interleaved(session, {}, "drifting", {{0, numbered(20)}}, plan)[0].block_mj.empty());
}

TEST(Interleave, VisitsAgainUntilThereIsEnough) {
  DriftingSession session;
  BlockPlan plan;
  plan.min_latencies = 50;
  plan.warmup = 20;
  std::size_t shared = 0;
  plan.between = [&] { ++shared; };
  const auto results = run_interleaved(session, {}, "drifting", {{0, numbered(8)}, {1, numbered(80)}}, plan);
  EXPECT_EQ(results[0].latencies_ms.size(), 56u);  // whole visits
  EXPECT_EQ(results[1].latencies_ms.size(), 80u);
  EXPECT_EQ(shared, session.requests.size() - 1);
  std::multiset<int> warmups;
  for (const RunRequest& request : session.requests) warmups.insert(request.warmup);
  EXPECT_EQ(warmups.count(20), 2u);  // each condition's first block
  EXPECT_EQ(warmups.count(5), session.requests.size() - 2);
}

}  // namespace
}  // namespace automask::host
