#include "methods/masks/filter_scores.h"

#include <ATen/ATen.h>
#include <torch/utils.h>

#include <algorithm>

#include "graph/cost.h"
#include "methods/masks/scorer.h"
#include "methods/network_needs.h"

namespace automask::methods {
namespace {

// of_channel[c]: a value per channel of the node. Members' shares, summed over their channels, are added to the scores.
void add_channels(Scores& scores, const graph::ChannelGroups& groups, int node, const std::vector<double>& of_channel) {
  std::size_t channel = 0;
  for (const graph::Segment& segment : groups.of_node[node])
    for (int m = segment.first; m < segment.first + segment.members; ++m)
      for (int r = 0; r < segment.repeat; ++r, ++channel)
        if (groups.groups[segment.group].maskable) scores[segment.group][m] += of_channel[channel];
}

std::vector<double> plain(const torch::Tensor& values) {
  const torch::Tensor doubles = values.to(torch::kCPU, torch::kDouble).contiguous();
  return {doubles.data_ptr<double>(), doubles.data_ptr<double>() + doubles.numel()};
}

// In place: divided by the mean, unless all are 0.
void relative_to_mean(std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  if (sum <= 0) return;
  for (double& value : values) value *= double(values.size()) / sum;
}

// Scores times what one channel of their group costs in the dense network.
void times_macs(Scores& scores, const models::Network& network) {
  const graph::ChannelGroups& groups = network.groups();
  const graph::MaskedCost cost(network.graph(), groups);
  const std::vector<int> dense = graph::kept_counts(graph::full_mask(groups));
  for (std::size_t g = 0; g < scores.size(); ++g) {
    if (scores[g].empty()) continue;
    const auto macs = double(cost.marginal(dense, static_cast<int>(g)).macs);
    for (double& score : scores[g]) score *= macs;
  }
}

// The criterion on each layer's filters, one a row.
Scores of_filters(const models::Network& network, torch::Tensor (*criterion)(const torch::Tensor& filters)) {
  const torch::NoGradGuard no_grad;
  const graph::ChannelGroups& groups = network.groups();
  Scores scores = zero_scores(groups);
  const auto parameters = network.named_parameters();
  for (std::size_t i = 0; i < network.graph().nodes.size(); ++i) {
    const graph::Node& node = network.graph().nodes[i];
    if (node.op != graph::Op::conv2d && node.op != graph::Op::linear) continue;
    std::vector<double> of_channel = plain(criterion(parameters[node.name + ".weight"].flatten(1).to(torch::kDouble)));
    relative_to_mean(of_channel);
    add_channels(scores, groups, static_cast<int>(i), of_channel);
  }
  times_macs(scores, network);
  return scores;
}

// A normalisation's scales, of every condition that has its own.
std::vector<torch::Tensor> scales_of(const models::Network& network,
                                     const torch::OrderedDict<std::string, torch::Tensor>& parameters, int node) {
  const std::string name = network.graph().nodes[node].name + ".weight";
  std::vector<torch::Tensor> scales = {parameters[name]};
  for (int k = 1; k < network.conditions(); ++k)
    if (const torch::Tensor* own = parameters.find("conditions." + std::to_string(k) + "." + name))
      scales.push_back(*own);
  return scales;
}

// Nodes whose scales slimming looks at: the normalisations in a maskable group's gates.
std::vector<int> slimmed_nodes(const models::Network& network) {
  require_slimmable(network.graph(), network.groups());
  std::vector<int> nodes;
  for (const graph::ChannelGroup& group : network.groups().groups) {
    if (!group.maskable) continue;
    for (const int gate : group.gates)
      if (network.graph().nodes[gate].op == graph::Op::batch_norm) nodes.push_back(gate);
  }
  std::sort(nodes.begin(), nodes.end());
  nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
  return nodes;
}

}  // namespace

Scores l1_scores(const models::Network& network) {
  return of_filters(network, [](const torch::Tensor& filters) { return filters.abs().sum(1); });
}

Scores fpgm_scores(const models::Network& network) {
  return of_filters(network, [](const torch::Tensor& filters) { return at::cdist(filters, filters).sum(1); });
}

Scores slimming_scores(const models::Network& network) {
  const torch::NoGradGuard no_grad;
  const graph::ChannelGroups& groups = network.groups();
  Scores scores = zero_scores(groups), channels = zero_scores(groups);
  const auto parameters = network.named_parameters();
  for (const int node : slimmed_nodes(network))
    for (const torch::Tensor& scale : scales_of(network, parameters, node)) {
      add_channels(scores, groups, node, plain(scale.abs()));
      add_channels(channels, groups, node, std::vector<double>(static_cast<std::size_t>(scale.numel()), 1.0));
    }
  for (std::size_t g = 0; g < scores.size(); ++g)
    for (std::size_t m = 0; m < scores[g].size(); ++m) scores[g][m] /= channels[g][m];
  times_macs(scores, network);
  return scores;
}

torch::Tensor slimming_penalty(const models::Network& network) {
  const auto parameters = network.named_parameters();
  torch::Tensor sum = torch::zeros({}, network.device());
  for (const int node : slimmed_nodes(network))
    for (const torch::Tensor& scale : scales_of(network, parameters, node)) sum = sum + scale.abs().sum();
  return sum;
}

}  // namespace automask::methods
