#include "methods/masks/budget.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "graph/cost.h"
#include "methods/masks/mask_cutter.h"
#include "methods/masks/package_bytes.h"
#include "models/zoo.h"
#include "tests/unit/core/throws.h"
#include "tests/unit/graph/networks.h"
#include "tests/unit/models/small_zoo.h"

namespace automask::methods {
namespace {

struct Case {
  graph::Graph net;
  graph::ChannelGroups groups;
  Scores scores;
};

// What channels are worth: anything up to 1; one of four values, the least nothing, so that most are worth the same; or
// of a tail so heavy that it has no mean, where a few channels are worth all the others.
enum class Worth { uniform, tied, heavy_tailed };

double worth(Worth kind, std::mt19937& random) {
  const double u = networks::uniform(random, 0, 1);
  if (kind == Worth::tied) return std::floor(4 * u) / 4;
  return kind == Worth::heavy_tailed ? std::pow(u + 1e-6, -1.5) : u;  // Pareto's with a shape of 2/3
}

Scores random_scores(const graph::ChannelGroups& groups, std::mt19937& random, Worth kind = Worth::uniform) {
  Scores scores;
  for (const graph::ChannelGroup& group : groups.groups) {
    scores.emplace_back(group.maskable ? group.channels : 0);
    // Some groups matter a thousand times more than others, as in real networks.
    const double scale = kind == Worth::tied ? 1 : std::pow(10.0, -3.0 * networks::uniform(random, 0, 1));
    for (double& score : scores.back()) score = scale * worth(kind, random);
  }
  return scores;
}

Case random_case(graph::Graph net, std::mt19937& random) {
  Case c{std::move(net), {}, {}};
  c.groups = graph::channel_groups(c.net);
  c.scores = random_scores(c.groups, random);
  return c;
}

std::vector<graph::Graph> nets() {
  return {networks::cifar_resnet(1, 16, 28), networks::depthwise(), networks::lenet()};
}

TEST(BudgetCut, IsUnderTheBudgetAndNothingMoreFits) {
  std::mt19937 random(1);
  for (const graph::Graph& net : nets())
    for (const int lanes : {1, 4})
      for (const double share : {0.9, 0.5, 0.3}) {
        const Case c = random_case(net, random);
        const BudgetCut cut(c.net, c.groups, lanes);
        if (cut.smallest_share() > share) continue;
        const graph::Mask mask = cut(c.scores, share);
        const auto macs = [&](const graph::Mask& m) { return double(graph::masked_cost(c.net, c.groups, m).macs); };
        const double allowed = share * double(graph::cost(c.net).macs);
        EXPECT_LE(macs(mask), allowed);
        EXPECT_DOUBLE_EQ(cut.share(mask), macs(mask) / double(graph::cost(c.net).macs));
        for (std::size_t g = 0; g < mask.size(); ++g) {
          // The next best channels of the group, added, would break the budget.
          graph::Mask grown = mask;
          for (int added = 0; added < lanes; ++added) {
            int best = -1;
            for (int i = 0; i < static_cast<int>(grown[g].size()); ++i)
              if (!grown[g][i] && (best < 0 || c.scores[g][i] > c.scores[g][best])) best = i;
            if (best >= 0) grown[g][best] = 1;
          }
          const auto kept = graph::kept_counts(grown)[g] - graph::kept_counts(mask)[g];
          if (kept == lanes) {
            EXPECT_GT(macs(grown), allowed) << net.name << " " << c.groups.groups[g].name;
          }
        }
      }
}

TEST(BudgetCut, KeepsTheBestOfEachGroupInMultiplesOfLanes) {
  std::mt19937 random(2);
  for (const int lanes : {1, 4, 8}) {
    const Case c = random_case(networks::cifar_resnet(1, 16, 28), random);
    const graph::Mask mask = BudgetCut(c.net, c.groups, lanes)(c.scores, 0.5);
    for (std::size_t g = 0; g < mask.size(); ++g) {
      const int kept = graph::kept_counts(mask)[g];
      ASSERT_GT(kept, 0);
      if (!c.groups.groups[g].maskable) {
        EXPECT_EQ(kept, c.groups.groups[g].channels);
        continue;
      }
      EXPECT_EQ(kept % lanes, 0);
      double worst_kept = INFINITY, best_removed = -INFINITY;
      for (std::size_t i = 0; i < mask[g].size(); ++i)
        if (mask[g][i])
          worst_kept = std::min(worst_kept, c.scores[g][i]);
        else
          best_removed = std::max(best_removed, c.scores[g][i]);
      EXPECT_GE(worst_kept, best_removed);
    }
  }
}

// Half a percent without lanes; with lanes less than one step of the group whose step is the cheapest.
TEST(BudgetCut, MeetsTheBudgetClosely) {
  std::mt19937 random(3);
  for (int trial = 0; trial < 20; ++trial) {
    const Case c = random_case(networks::cifar_resnet(1, 16, 28), random);
    const BudgetCut cut(c.net, c.groups, 1);
    for (const double share : {0.75, 0.5, 0.25}) {
      const double got = cut.share(cut(c.scores, share));
      EXPECT_LE(got, share);
      EXPECT_GE(got, 0.995 * share);
    }
  }
}

// Costs of a device on which every layer has a price of its own, the last ten times that of the first.
LatencyBudget priced(const graph::Graph& net) {
  LatencyBudget budget;
  budget.runner = "some device";
  double price = 0.01;
  for (const graph::Node& node : net.nodes) {
    if (node.op == graph::Op::conv2d || node.op == graph::Op::linear) {
      budget.layers.push_back({node.name, 0.001, price});
      price *= 1.2;
    } else if (node.op == graph::Op::add) {
      budget.layers.push_back({node.name, 0.002, 0});
    }
  }
  return budget;
}

// The time of a mask, layer by layer on the network that is physically smaller.
double slow_time(const graph::Graph& net, const LatencyBudget& budget, const graph::Mask& mask) {
  const graph::Graph small = graph::shrink(net, mask);
  const auto costs = graph::node_costs(small);
  double ms = 0;
  for (const LayerLatency& layer : budget.layers)
    ms += layer.fixed_ms +
          layer.ms_per_mmac * double(costs.at(static_cast<std::size_t>(small.find(layer.layer))).macs) / 1e6;
  return ms;
}

TEST(BudgetCut, MeetsABudgetOfTime) {
  std::mt19937 random(9);
  for (const graph::Graph& net : nets()) {
    const Case c = random_case(net, random);
    MethodSpec spec;
    spec.latency_budget = priced(net);
    const double dense = slow_time(net, *spec.latency_budget, graph::full_mask(c.groups));
    const double fixed = spec.latency_budget->fixed_ms();
    for (const double share : {0.75, 0.5}) {
      spec.latency_budget->ms = fixed + share * (dense - fixed);
      const MaskCutter cutter(net, spec, 1, 1, {1}, {});
      EXPECT_NEAR(cutter.budget(), share, 1e-5) << "prices are whole femtoseconds";
      const graph::Mask mask = cutter.last({&c.scores})[0];
      const double ms = slow_time(net, *spec.latency_budget, mask);
      EXPECT_NEAR(spec.latency_budget->predicted_ms(net, c.groups, mask), ms, 1e-6);
      EXPECT_LE(ms, spec.latency_budget->ms + 1e-9) << net.name;
      EXPECT_GE(ms - fixed, 0.98 * share * (dense - fixed)) << net.name;
      EXPECT_NE(cutter.share(mask), share) << "MACs and time are not the same budget";
    }
    spec.latency_budget->ms = dense * 2;
    EXPECT_EQ(MaskCutter(net, spec, 1, 1, {1}, {}).budget(), 1) << "fast enough as it is";
    spec.latency_budget->ms = fixed / 2;
    const core::Error slow = automask::testing::error_of([&] { MaskCutter(net, spec, 1, 1, {1}, {}); });
    EXPECT_SAYS(slow, "cannot get that fast on some device: its smallest possible time is");
    spec.latency_budget->mmac = 1.5 * double(graph::cost(net).macs) / 1e6;
    EXPECT_SAYS(automask::testing::error_of([&] { MaskCutter(net, spec, 1, 1, {1}, {}); }),
                "the costs are of a network of");
    spec.latency_budget->mmac = 0;
    spec.latency_budget->layers.pop_back();
    spec.latency_budget->ms = dense;
    EXPECT_SAYS(automask::testing::error_of([&] { MaskCutter(net, spec, 1, 1, {1}, {}); }),
                "there are no costs for the layer");
    spec.latency_budget->layers.push_back({"stranger", 0, 1});
    EXPECT_SAYS(automask::testing::error_of([&] { MaskCutter(net, spec, 1, 1, {1}, {}); }),
                "\"stranger\", which is no layer");
  }
}

double cheapest_step(const Case& c, const graph::Mask& mask, int lanes) {
  const graph::MaskedCost cost(c.net, c.groups);
  const std::vector<int> kept = graph::kept_counts(mask);
  double cheapest = INFINITY;
  for (std::size_t g = 0; g < kept.size(); ++g) {
    if (!c.groups.groups[g].maskable || c.groups.groups[g].channels < lanes) continue;
    for (const int step : {-lanes, lanes}) {
      std::vector<int> other = kept;
      other[g] += step;
      if (other[g] < lanes || other[g] > c.groups.groups[g].channels) continue;
      cheapest = std::min(cheapest, std::abs(double(cost(other).macs - cost(kept).macs)));
    }
  }
  return cheapest;
}

graph::Graph zoo_network(const models::ZooEntry& entry) {
  const core::Json model = {{"name", entry.name}};
  const bool small = entry.name == "tinynet" || entry.name.starts_with("resnet8") || entry.name == "resnet14" ||
                     entry.name == "resnet20";
  const graph::Shape input = small ? graph::Shape{3, 32, 32} : graph::Shape{3, 224, 224};
  return models::build_model({model, "test"}, input, small ? 10 : 1000);
}

// Never above; below by half a percent at most, with lanes by less than the cheapest step of any group.
void expect_close(const Case& c, const BudgetCut& cut, int lanes, double share) {
  const graph::Mask mask = cut(c.scores, share);
  const double got = cut.share(mask), dense = double(cut.dense_cost());
  EXPECT_LE(got, share);
  if (lanes == 1) {
    EXPECT_GE(got, 0.995 * share);
  } else {
    EXPECT_LT((share - got) * dense, cheapest_step(c, mask, lanes));
  }
}

class ZooBudget : public ::testing::TestWithParam<Worth> {};

TEST_P(ZooBudget, IsMetOnEveryNetworkWhateverChannelsAreWorth) {
  for (const models::ZooEntry& entry : models::zoo()) {
    std::mt19937 random(5);
    Case c = random_case(zoo_network(entry), random);
    for (const int lanes : {1, 4, 8, 16}) {
      const BudgetCut cut(c.net, c.groups, lanes);
      for (const double share : {0.5, 0.25}) {
        if (cut.smallest_share() > share) {
          ASSERT_GT(lanes, 1) << entry.name << " is never held against " << share;
          continue;
        }
        for (unsigned seed = 0; seed < networks::trials(10); ++seed) {
          SCOPED_TRACE(entry.name + ", lanes " + std::to_string(lanes) + ", seed " + std::to_string(seed));
          random.seed(seed);
          c.scores = random_scores(c.groups, random, GetParam());
          expect_close(c, cut, lanes, share);
        }
      }
    }
  }
}

std::string name_of(const ::testing::TestParamInfo<Worth>& tested) {
  const char* names[] = {"Uniform", "Tied", "HeavyTailed"};
  return names[static_cast<std::size_t>(tested.param)];
}
INSTANTIATE_TEST_SUITE_P(Worths, ZooBudget, ::testing::Values(Worth::uniform, Worth::tied, Worth::heavy_tailed),
                         name_of);

TEST(ByteBudget, IsMetOnEveryNetworkOfTheZoo) {
  std::mt19937 random(7);
  for (const models::ZooEntry& entry : models::zoo()) {
    const Case a = random_case(automask::testing::small_published(entry), random), b = random_case(a.net, random);
    PackagePlan plan;
    plan.graph = a.net;
    plan.set_names = {"clean", "jpeg:q10"};
    for (int c = 0; c < 10; ++c) plan.classes.push_back(std::to_string(c));
    plan.scaling = {{0.5F, 0.5F, 0.5F}, {0.25F, 0.25F, 0.25F}};
    const auto bytes = [&](const std::vector<graph::Mask>& masks) { return package_bytes(plan, masks); };
    const graph::Mask full = graph::full_mask(a.groups);
    const auto dense = static_cast<double>(bytes({full, full}));
    for (const int lanes : {1, 8}) {
      // Of a tiny network most bytes are structure.
      const auto budget = static_cast<std::int64_t>((entry.name == "tinynet" ? 0.9 : 0.6) * dense);
      const core::Json method = {{"method", "automask"}, {"lanes", lanes}, {"consensus", 0.6}, {"byte_budget", budget}};
      const MethodSpec spec = MethodSpec::from_json({method, "test"}, "mine", nullptr);
      const MaskCutter cutter(a.net, spec, 0.9, 0.6, {0.5, 0.5}, bytes);
      const std::vector<graph::Mask> masks = cutter.last({&a.scores, &b.scores});
      const std::int64_t got = bytes(masks);
      EXPECT_LE(got, budget) << entry.name << " lanes " << lanes;
      EXPECT_GE(static_cast<double>(got), (entry.name == "tinynet" ? 0.95
                                           : lanes == 1            ? 0.995
                                                                   : 0.95) *
                                              static_cast<double>(budget))
          << entry.name << " lanes " << lanes;
      for (const graph::Mask& mask : masks) EXPECT_LE(cutter.share(mask), 0.9) << entry.name;
    }
  }
}

TEST(BudgetCut, StaysWithinAMask) {
  std::mt19937 random(6);
  for (const graph::Graph& net : nets()) {
    const Case c = random_case(net, random);
    const BudgetCut cut(c.net, c.groups, 1), by_parameters(c.net, c.groups, 1, Measure::parameters);
    const graph::Mask within = by_parameters(c.scores, 0.6), mask = cut(c.scores, 0.5, &within);
    EXPECT_LE(by_parameters.share(within), 0.6);
    EXPECT_LE(cut.share(mask), 0.5);
    for (std::size_t g = 0; g < mask.size(); ++g)
      for (std::size_t i = 0; i < mask[g].size(); ++i) EXPECT_LE(mask[g][i], within[g][i]);
  }
}

TEST(BudgetCut, SaysThatANetworkHasNothingToMask) {
  graph::Graph net = networks::start("flat", 1, 4, 4);
  net.add("fc", graph::Op::linear, {net.add("flatten", graph::Op::flatten, {0})}, networks::features(3));
  const BudgetCut cut(net, graph::channel_groups(net), 1);
  const core::Error error = automask::testing::error_of([&] { cut.require(0.5); });
  EXPECT_EQ(error.code(), core::ExitCode::steps_failed);
  EXPECT_SAYS(error, "flat has no group of channels that can be masked; take a method without masks");
  const BudgetCut by_lanes(net, graph::channel_groups(net), 4);
  EXPECT_SAYS(automask::testing::error_of([&] { by_lanes.require(0.5); }),
              "flat has no group of channels that can be masked in steps of 4 lanes; take a method without masks");
}

TEST(BudgetCut, SaysThatLanesLeaveNothingToMask) {
  const graph::Graph net = networks::cifar_resnet(1, 8, 16);
  const graph::ChannelGroups groups = graph::channel_groups(net);
  int most = 0;
  for (const graph::ChannelGroup& group : groups.groups)
    if (group.maskable) most = std::max(most, group.channels);
  ASSERT_GT(most, 1);
  const BudgetCut cut(net, groups, most);
  EXPECT_SAYS(automask::testing::error_of([&] { cut.require(0.5); }),
              "can be masked in steps of " + std::to_string(most) + " lanes; lower lanes below " +
                  std::to_string(most) + ", the channels of its largest group");
  EXPECT_TRUE(BudgetCut(net, groups, most - 1).has_groups());
}

TEST(BudgetCut, RemovesTheLeastScorePerMac) {
  const graph::Graph net = networks::cifar_resnet(1, 8, 16);
  const graph::ChannelGroups groups = graph::channel_groups(net);
  Scores scores;
  for (const graph::ChannelGroup& group : groups.groups) scores.emplace_back(group.maskable ? group.channels : 0, 1.0);
  // One channel without worth in each group: a cut that needs no more than those takes exactly those.
  for (auto& group : scores)
    if (!group.empty()) group[3] = 0;
  graph::Mask expected = graph::full_mask(groups);
  for (std::size_t g = 0; g < expected.size(); ++g)
    if (groups.groups[g].maskable) expected[g][3] = 0;
  const BudgetCut cut(net, groups, 1);
  EXPECT_EQ(cut(scores, cut.share(expected)), expected);
}

TEST(BudgetCut, FullBudgetAndTies) {
  const graph::Graph net = networks::cifar_resnet(1, 8, 16);
  const graph::ChannelGroups groups = graph::channel_groups(net);
  Scores equal;
  for (const graph::ChannelGroup& group : groups.groups) equal.emplace_back(group.maskable ? group.channels : 0, 0.0);
  const BudgetCut cut(net, groups, 1);
  EXPECT_EQ(cut(equal, 1), graph::full_mask(groups));
  const graph::Mask mask = cut(equal, 0.4);
  EXPECT_EQ(mask, cut(equal, 0.4));
  for (const auto& group : mask) EXPECT_TRUE(std::is_sorted(group.rbegin(), group.rend())) << "lower channels stay";
}

TEST(BudgetCut, NamesTheSmallestPossibleBudget) {
  const graph::Graph net = networks::cifar_resnet(1, 16, 28);
  const graph::ChannelGroups groups = graph::channel_groups(net);
  std::mt19937 random(4);
  const Case c = random_case(net, random);
  for (const int lanes : {1, 8}) {
    const BudgetCut cut(net, groups, lanes);
    const double smallest = cut.smallest_share();
    EXPECT_LE(cut.share(cut(c.scores, smallest)), smallest);
    const core::Error error = automask::testing::error_of([&] { cut(c.scores, smallest * 0.9); });
    EXPECT_EQ(error.code(), core::ExitCode::steps_failed);
    EXPECT_SAYS(error, "smallest possible");
    // The named share, put into a manifest as it stands, is enough.
    const std::string text = error.what();
    const double named = std::stod(text.substr(text.find("dense MACs is ") + 14));
    EXPECT_NEAR(named, smallest, 1e-4);
    EXPECT_NO_THROW(cut.require(named));
  }
}

}  // namespace
}  // namespace automask::methods
