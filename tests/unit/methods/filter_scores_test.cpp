#include "methods/masks/filter_scores.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/utils.h>

#include <cmath>

#include "graph/cost.h"
#include "tests/unit/core/throws.h"
#include "tests/unit/models/checkpoints.h"

namespace automask::methods {
namespace {

using automask::testing::error_of;

// Filters of a node as rows of plain numbers.
std::vector<std::vector<double>> filters_of(const models::Checkpoint& checkpoint, const std::string& node) {
  const graph::Tensor& weight = checkpoint.weights.at(node + ".weight");
  const std::size_t row = weight.data.size() / weight.shape[0];
  std::vector<std::vector<double>> filters;
  for (std::int64_t i = 0; i < weight.shape[0]; ++i)
    filters.emplace_back(weight.data.begin() + i * row, weight.data.begin() + (i + 1) * row);
  return filters;
}

std::vector<double> by_mean(std::vector<double> values) {
  double mean = 0;
  for (const double v : values) mean += v / double(values.size());
  for (double& v : values) v /= mean;
  return values;
}

// Both criteria on every network, brute force; channels found by their name in a mask, not by segments.
TEST(FilterScores, EqualBruteForce) {
  std::mt19937 random(12);
  for (const graph::Graph& net : {networks::lenet(), networks::chain(), networks::cifar_resnet(1, 4, 8)}) {
    const models::Checkpoint checkpoint = testing::random_checkpoint(net, 1, random, 2);
    const models::Network network(checkpoint);
    const graph::ChannelGroups& groups = network.groups();
    const Scores l1 = l1_scores(network), fpgm = fpgm_scores(network);
    // Per node and channel, relative to the node's mean.
    std::vector<std::vector<double>> sums(net.nodes.size()), distances(net.nodes.size());
    for (std::size_t i = 1; i < net.nodes.size(); ++i) {
      if (net.nodes[i].op != graph::Op::conv2d && net.nodes[i].op != graph::Op::linear) continue;
      const auto filters = filters_of(checkpoint, net.nodes[i].name);
      for (const auto& filter : filters) {
        double absolute = 0, to_all = 0;
        for (const double w : filter) absolute += std::abs(w);
        for (const auto& other : filters) {
          double squares = 0;
          for (std::size_t j = 0; j < filter.size(); ++j) squares += (filter[j] - other[j]) * (filter[j] - other[j]);
          to_all += std::sqrt(squares);
        }
        sums[i].push_back(absolute);
        distances[i].push_back(to_all);
      }
      sums[i] = by_mean(sums[i]);
      distances[i] = by_mean(distances[i]);
    }
    for (std::size_t g = 0; g < groups.groups.size(); ++g) {
      if (!groups.groups[g].maskable) continue;
      for (int member = 0; member < groups.groups[g].channels; ++member) {
        graph::Mask without = graph::full_mask(groups);
        without[g][member] = 0;
        double sum = 0, distance = 0;
        for (std::size_t i = 1; i < net.nodes.size(); ++i) {
          if (sums[i].empty()) continue;
          const auto kept = graph::channel_mask(groups, static_cast<int>(i), without);
          for (std::size_t channel = 0; channel < kept.size(); ++channel)
            if (!kept[channel]) sum += sums[i][channel], distance += distances[i][channel];
        }
        const auto macs = double(graph::cost(net).macs - graph::masked_cost(net, groups, without).macs);
        EXPECT_NEAR(l1[g][member], sum * macs, 1e-6 * sum * macs) << net.name << " " << groups.groups[g].name;
        EXPECT_NEAR(fpgm[g][member], distance * macs, 1e-6 * distance * macs) << net.name;
      }
    }
  }
}

// A filter that equals the mean of the others is the first to go; the largest is not.
TEST(FilterScores, TheGeometricMedianIsWorthLeast) {
  std::mt19937 random(3);
  graph::Graph net = networks::start("median", 1, 8, 8);
  networks::head(net, networks::conv_bn(net, "conv", "bn", 0, networks::conv(5, 3, 1, 1), true), 3);
  models::Checkpoint checkpoint = testing::random_checkpoint(net, 1, random, 2);
  graph::Tensor& weight = checkpoint.weights.at("conv.weight");
  for (int i = 0; i < 9; ++i) {
    for (int f = 0; f < 4; ++f) weight.data[f * 9 + i] = (f % 2 ? 1.0F : -1.0F) * (i % 2 == f / 2 ? 1.0F : 0.0F) + 5;
    weight.data[4 * 9 + i] = 5;  // large, and between all others
  }
  const models::Network network(checkpoint);
  const auto worst = [&](const Scores& scores) {
    const auto& of_group = scores[static_cast<std::size_t>(network.groups().of_node[1][0].group)];
    return std::min_element(of_group.begin(), of_group.end()) - of_group.begin();
  };
  EXPECT_EQ(worst(fpgm_scores(network)), 4);
  EXPECT_NE(worst(l1_scores(network)), 4);
}

TEST(FilterScores, SlimmingIsTheMeanScale) {
  std::mt19937 random(8);
  const graph::Graph net = networks::cifar_resnet(1, 4, 8);
  const models::Checkpoint checkpoint = testing::random_checkpoint(net, 2, random, 2);
  const models::Network network(checkpoint);
  const graph::ChannelGroups& groups = network.groups();
  const Scores scores = slimming_scores(network);
  for (std::size_t g = 0; g < groups.groups.size(); ++g) {
    if (!groups.groups[g].maskable) continue;
    const graph::MaskedCost cost(net, groups);
    const auto macs = double(cost.marginal(graph::kept_counts(graph::full_mask(groups)), static_cast<int>(g)).macs);
    for (int member = 0; member < groups.groups[g].channels; ++member) {
      graph::Mask without = graph::full_mask(groups);
      without[g][member] = 0;
      double sum = 0;
      int count = 0;
      for (const int gate : groups.groups[g].gates) {
        if (net.nodes[gate].op != graph::Op::batch_norm) continue;
        const auto kept = graph::channel_mask(groups, gate, without);
        for (std::size_t channel = 0; channel < kept.size(); ++channel)
          for (int k = 0; k < 2 && !kept[channel]; ++k, ++count)
            sum += std::abs(checkpoint.normalisation[k].at(net.nodes[gate].name + ".weight").data[channel]);
      }
      ASSERT_GT(count, 0);
      EXPECT_NEAR(scores[g][member], sum / count * macs, 1e-6 * macs);
    }
  }
}

TEST(FilterScores, SlimmingPenaltysGradientIsTheSign) {
  std::mt19937 random(8);
  models::Network network(testing::random_checkpoint(networks::cifar_resnet(1, 4, 8), 2, random, 2));
  const torch::Tensor penalty = slimming_penalty(network);
  penalty.backward();
  double sum = 0;
  int of_first = 0, of_second = 0;
  for (const auto& parameter : network.named_parameters()) {
    const torch::Tensor gradient = parameter.value().grad();
    if (!gradient.defined()) continue;
    (parameter.key().rfind("conditions.1.", 0) == 0 ? of_second : of_first) += 1;
    EXPECT_EQ(parameter.value().dim(), 1) << parameter.key();
    EXPECT_TRUE(at::equal(gradient, parameter.value().sign())) << parameter.key();
    sum += parameter.value().abs().sum().item<double>();
  }
  EXPECT_EQ(of_first, of_second);
  EXPECT_GT(of_first, 2);
  EXPECT_NEAR(penalty.item<double>(), sum, 1e-4);
}

TEST(FilterScores, SlimmingNamesWhatHasNoScale) {
  std::mt19937 random(8);
  const models::Network network(testing::random_checkpoint(networks::lenet(), 1, random, 2));
  EXPECT_SAYS(error_of([&] { slimming_scores(network); }), "conv1");
}

}  // namespace
}  // namespace automask::methods
