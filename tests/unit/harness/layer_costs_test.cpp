#include "harness/layer_costs.h"

#include <gtest/gtest.h>

#include "tests/unit/core/throws.h"
#include "tests/unit/graph/networks.h"
#include "tests/unit/package/packages.h"

namespace automask::harness {
namespace {

TEST(LayerCosts, AreAStraightLineOverTheShares) {
  const auto costs = fitted_costs(
      {{"conv1", 4, 1.4}, {"pool", 0, 0.5}, {"conv2", 2, 0.3}, {"conv1", 2, 0.9}, {"pool", 0, 0.3}, {"conv2", 1, 0.1}});
  ASSERT_EQ(costs.size(), 3U);
  EXPECT_EQ(costs[0].layer, "conv1");
  EXPECT_NEAR(costs[0].fixed_ms, 0.4, 1e-12);
  EXPECT_NEAR(costs[0].ms_per_mmac, 0.25, 1e-12);
  EXPECT_EQ(costs[1].ms_per_mmac, 0);
  EXPECT_EQ(costs[1].fixed_ms, 0.5) << "as long as the widest";
  EXPECT_EQ(costs[2].fixed_ms, 0) << "no time is negative";
  EXPECT_NEAR(costs[2].ms_per_mmac, (2 * 0.3 + 1 * 0.1) / 5, 1e-12);
}

TEST(LayerCosts, FasterWithMoreWorkIsNoSlope) {
  const auto costs = fitted_costs({{"a", 2, 0.5}, {"a", 1, 0.6}});
  EXPECT_EQ(costs[0].ms_per_mmac, 0);
  EXPECT_EQ(costs[0].fixed_ms, 0.6);
}

TEST(LayerCosts, PackagesHaveAConditionForEachShare) {
  const package::Package dense = packages::make(networks::cifar_resnet(1, 16, 28), {"*"}, 3);
  const package::Package asked = with_shares(dense, {1, 0.5, 0.25}, 4);
  const package::Package read = package::decode(package::encode(asked), "p");
  ASSERT_EQ(read.conditions.size(), 3U);
  const graph::ChannelGroups groups = graph::channel_groups(read.graph);
  for (std::size_t g = 0; g < groups.groups.size(); ++g) {
    if (!groups.groups[g].maskable) continue;
    const int channels = groups.groups[g].channels;
    const auto kept = [&](std::size_t k) {
      const auto& mask = read.conditions[k].mask[g];
      return static_cast<int>(std::count(mask.begin(), mask.end(), 1));
    };
    EXPECT_EQ(kept(0), channels);
    EXPECT_EQ(kept(1), channels / 2 / 4 * 4);
    EXPECT_EQ(kept(2), std::max(channels / 4 / 4 * 4, 4));
  }
  core::Json answers = core::Json::array();
  for (std::size_t k = 0; k < 3; ++k) answers.push_back({{"layers", {{{"name", "conv1"}, {"ms", 0.5}}}}});
  const auto points = points_of(read, answers, "r");
  ASSERT_EQ(points.size(), 3U);
  EXPECT_GT(points[0].mmac, points[1].mmac);
  EXPECT_SAYS(testing::error_of([&] { points_of(read, core::Json::array(), "r"); }),
              "does not tell what single layers cost");
}

}  // namespace
}  // namespace automask::harness
