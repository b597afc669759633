// LibTorch executes the masked, the shrunk and the packaged network: they must be one function, and a package that is
// another must not pass.
#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "core/error.h"
#include "hw_targets/compiler/compile.h"
#include "hw_targets/compiler/quantise.h"
#include "tests/unit/compiler/checkpoints.h"

namespace automask {
namespace {

std::vector<std::uint8_t> pictures(const graph::Graph& net, int count) {
  std::mt19937 random(2);
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(count * net.input.channels * net.input.height) *
                                  static_cast<std::size_t>(net.input.width));
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return bytes;
}

class Verify : public testing::TestWithParam<graph::Graph> {};

TEST_P(Verify, ThreeNetworksAreOneFunction) {
  const auto c = checkpoints::make(GetParam(), {"clean", "jpeg:q10"}, 8);
  const auto p = package::decode(package::encode(compiler::compile(c)), "p");
  const auto result = compiler::verify(c, p, pictures(c.graph, 20), 20, 1);
  ASSERT_EQ(result.rows.size(), 2U);
  EXPECT_TRUE(result.passed());
  const auto groups = graph::channel_groups(c.graph);
  for (std::size_t k = 0; k < 2; ++k) {
    const auto& row = result.rows[k];
    EXPECT_EQ(row.condition, c.conditions[k]);
    EXPECT_LT(row.shrunk_difference, 1e-5);
    EXPECT_LT(row.package_difference, 1e-5);
    EXPECT_EQ(row.macs, graph::masked_cost(c.graph, groups, c.masks[k]).macs);
    EXPECT_DOUBLE_EQ(row.macs_share, double(row.macs) / double(graph::cost(c.graph).macs));
  }
  EXPECT_EQ(result.package_bytes, static_cast<std::int64_t>(package::encode(p).size()));
  EXPECT_EQ(result.dense_bytes, 4 * graph::cost(c.graph).parameters);
}

INSTANTIATE_TEST_SUITE_P(All, Verify, testing::ValuesIn(networks::all()),
                         [](const auto& net) { return net.param.name; });

class Difference : public testing::Test {
 protected:
  models::Checkpoint checkpoint = checkpoints::make(networks::cifar_resnet(1, 8, 8), {"clean", "jpeg:q10"}, 9, 0.7F);
  package::Package compiled = compiler::compile(checkpoint);
  compiler::Verification verified() {
    return compiler::verify(checkpoint, compiled, pictures(checkpoint.graph, 20), 20, 1);
  }
};

TEST_F(Difference, NoneWithoutAReason) { EXPECT_TRUE(verified().passed()); }

TEST_F(Difference, OfOneWeightIsSeen) {
  compiled.weights["fc.weight"].data[0] += 0.01F;
  const auto result = verified();
  EXPECT_FALSE(result.passed());
  EXPECT_LT(result.rows[0].shrunk_difference, 1e-5);  // only the package is wrong
  EXPECT_GT(std::max(result.rows[0].package_difference, result.rows[1].package_difference), 1e-4);
}

TEST_F(Difference, OfOneConditionIsSeenThere) {
  for (auto& value : compiled.conditions[1].scale.begin()->second) value *= 1.5F;
  const auto result = verified();
  EXPECT_LT(result.rows[0].package_difference, 1e-5);
  EXPECT_GT(result.rows[1].package_difference, 1e-4);
  EXPECT_FALSE(result.passed());
}

// Other numbers round, by less than what a wrong network differs by.
TEST_F(Difference, OfOtherNumbersIsSmallAndOfOtherWeightsIsNot) {
  const compiler::CalibrationPictures sample{pictures(checkpoint.graph, 20), 20};
  const package::Package half = compiler::to_half(compiled),
                         integers = compiler::quantise(compiled, {sample, sample}, {});
  const package::Package real = compiled;
  for (const package::Package* other : {&half, &integers}) {
    compiled = *other;
    const auto result = verified();
    EXPECT_TRUE(result.passed());
    EXPECT_GT(result.package_tolerance, result.tolerance);
    for (const auto& row : result.rows) {
      EXPECT_GT(row.package_difference, 0) << "nothing was rounded";
      EXPECT_GT(row.same_class, 15) << row.condition;
    }
    checkpoint.weights.at("fc.weight").data[0] += 100;
    EXPECT_FALSE(verified().passed());
    checkpoint.weights.at("fc.weight").data[0] -= 100;
  }
}

TEST_F(Difference, OfTheInputScalingIsSeen) {
  compiled.input_mean[0] += 0.1F;
  EXPECT_FALSE(verified().passed());
}

TEST_F(Difference, NoNumberNeverPasses) {
  compiled.weights["fc.bias"].data[1] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_FALSE(verified().passed());
  checkpoint.weights["fc.bias"].data[1] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_FALSE(verified().passed());
}

// The pictures go through in batches; a fault that only the last picture shows must count.
TEST_F(Difference, InTheLastBatchIsSeen) {
  const std::size_t one = 3 * 8 * 8;
  std::vector<std::uint8_t> bytes(299 * one, 0);
  const auto last = pictures(checkpoint.graph, 1);
  bytes.insert(bytes.end(), last.begin(), last.end());
  // With a mean of 0, black pictures are 0 whatever the deviation.
  checkpoint.input.mean.assign(3, 0);
  compiled.input_mean.assign(3, 0);
  compiled.input_deviation.assign(3, 0.3F);
  EXPECT_FALSE(compiler::verify(checkpoint, compiled, bytes, 300, 1).passed());
  bytes.resize(299 * one);
  EXPECT_TRUE(compiler::verify(checkpoint, compiled, bytes, 299, 1).passed());
}

TEST_F(Difference, ArgumentsThatDoNotBelongTogether) {
  const auto fault = [&](const std::vector<std::uint8_t>& bytes, int count) {
    try {
      compiler::verify(checkpoint, compiled, bytes, count, 1);
    } catch (const core::Error& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  EXPECT_EQ(fault({1, 2, 3}, 1), "verify: pictures: 3 bytes are not 1 pictures of 8x8x3; compile the checkpoint again");
  EXPECT_THAT(fault({}, 0), testing::HasSubstr("0 bytes are not 0 pictures"));
  compiled.conditions[1].name = "other";
  EXPECT_THAT(fault(pictures(checkpoint.graph, 1), 1), testing::HasSubstr("its conditions differ"));
}

TEST_F(Difference, ThreadsArePutBack) {
  const int before = at::get_num_threads();
  at::set_num_threads(before + 1);
  verified();  // with one
  EXPECT_EQ(at::get_num_threads(), before + 1);
  at::set_num_threads(before);
}

TEST(Passed, NeedsRowsWithinTheTolerance) {
  compiler::Verification v;
  EXPECT_FALSE(v.passed());
  v.rows.resize(2);
  EXPECT_TRUE(v.passed());
  v.rows[1].package_difference = 2 * v.tolerance;
  EXPECT_FALSE(v.passed());
  v.rows[1].package_difference = std::numeric_limits<double>::quiet_NaN();
  EXPECT_FALSE(v.passed());
}

}  // namespace
}  // namespace automask
