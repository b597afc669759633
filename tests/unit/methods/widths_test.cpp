#include "methods/masks/widths.h"

#include <gtest/gtest.h>

#include "graph/cost.h"
#include "models/zoo.h"
#include "tests/unit/core/throws.h"

namespace automask::methods {
namespace {

using automask::testing::error_of;

graph::Graph model(const std::string& name) {
  const models::ZooEntry* entry = models::find_in_zoo(name);
  return models::build_published(*entry, entry->preprocessing.input, 10);
}

TEST(Widths, KeepTheFirstChannelsOfEveryGroup) {
  const graph::Graph net = model("resnet14");
  const graph::ChannelGroups groups = graph::channel_groups(net);
  const graph::Mask half = width_mask(groups, 0.5, 1);
  for (std::size_t g = 0; g < half.size(); ++g)
    for (int c = 0; c < groups.groups[g].channels; ++c)
      EXPECT_EQ(half[g][c] != 0, !groups.groups[g].maskable || c < groups.groups[g].channels / 2);
  EXPECT_EQ(width_mask(groups, 1, 4), graph::full_mask(groups));
  EXPECT_EQ(graph::kept_counts(width_mask(groups, 0.01, 4))[1], 4) << "one multiple at least";
  // 30 % of ten channels are three.
  graph::ChannelGroups ten;
  ten.groups.resize(1);
  ten.groups[0].channels = 10;
  EXPECT_EQ(graph::kept_counts(width_mask(ten, 0.3, 1))[0], 3);
  EXPECT_EQ(graph::kept_counts(width_mask(ten, 0.1, 16))[0], 10) << "less than a multiple stays whole";
}

// A network that is half as wide from its builder is the same graph.
TEST(Widths, EqualANarrowerModel) {
  const core::Json wide = {{"name", "resnet14"}, {"width", 16}}, narrow = {{"name", "resnet14"}, {"width", 8}};
  const graph::Graph net = models::build_model({wide, "test"}, {3, 32, 32}, 10);
  const graph::Graph half = models::build_model({narrow, "test"}, {3, 32, 32}, 10);
  const graph::ChannelGroups groups = graph::channel_groups(net);
  EXPECT_EQ(graph::to_json(graph::shrink(net, width_mask(groups, 0.5, 1))), graph::to_json(half));
}

TEST(Slim, MeetsTheBudgetAndLeavesNoRoom) {
  for (const char* name : {"resnet14", "mobilenet_v2", "googlenet"})
    for (const double share : {0.25, 0.5})
      for (const int lanes : {1, 4}) {
        const graph::Graph net = model(name);
        const graph::ChannelGroups groups = graph::channel_groups(net);
        const graph::Mask mask = slim_mask(net, groups, share, lanes).mask;
        // Counted on the network that is left, not by the search's own formula.
        const double budget = share * double(graph::cost(net).macs);
        EXPECT_LE(double(graph::cost(graph::shrink(net, mask)).macs), budget) << name;
        for (std::size_t g = 0; g < mask.size(); ++g) {
          graph::Mask larger = mask;
          int more = lanes;
          for (std::uint8_t& kept : larger[g])
            if (more > 0 && kept == 0) kept = 1, --more;
          if (more > 0) continue;
          EXPECT_GT(double(graph::cost(graph::shrink(net, larger)).macs), budget)
              << name << " has room for " << groups.groups[g].name;
        }
      }
}

TEST(Slim, IsEvenlyNarrow) {
  const graph::Graph net = model("resnet14");
  const graph::ChannelGroups groups = graph::channel_groups(net);
  const Slim slim = slim_mask(net, groups, 0.5, 1);
  EXPECT_NEAR(slim.width, 0.71, 0.06) << "MACs go with the square of the width";
  const std::vector<int> kept = graph::kept_counts(slim.mask);
  for (std::size_t g = 0; g < kept.size(); ++g)
    if (groups.groups[g].maskable) {
      EXPECT_NEAR(double(kept[g]) / groups.groups[g].channels, slim.width, 2.0 / 16 + 0.01);
    }
}

TEST(Slim, NamesTheSmallestPossible) {
  const graph::Graph net = model("resnet14");
  const core::Error error = error_of([&] { slim_mask(net, graph::channel_groups(net), 0.001, 4); });
  EXPECT_SAYS(error, "smallest possible share");
}

}  // namespace
}  // namespace automask::methods
