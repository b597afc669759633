#include "graph/cost.h"

#include <algorithm>
#include <map>
#include <utility>

#include "graph/structure.h"

namespace automask {
namespace graph {
namespace {

Cost node_cost(const Node& node, const Shape& in, const Shape& out) {
  const Attributes& a = node.attributes;
  Cost c;
  if (node.op == Op::conv2d) {
    const std::int64_t weights = std::int64_t{a.out_channels} * (in.channels / a.groups) * a.kernel_h * a.kernel_w;
    c.macs = weights * out.height * out.width;
    c.parameters = weights + (a.bias ? a.out_channels : 0);
  } else if (node.op == Op::linear) {
    c.macs = std::int64_t{a.out_channels} * in.channels;
    c.parameters = c.macs + (a.bias ? a.out_channels : 0);
  } else if (is_normalisation(node.op)) {
    c.parameters = std::int64_t{2} * out.channels;
  }
  return c;
}

void accumulate(Cost& sum, const Cost& c, std::int64_t times) {
  sum.macs += c.macs * times;
  sum.parameters += c.parameters * times;
}

}  // namespace

std::vector<Cost> node_costs(const Graph& graph) {
  const std::vector<Shape> shapes = infer_shapes(graph);
  std::vector<Cost> costs(graph.nodes.size());
  for (std::size_t i = 1; i < graph.nodes.size(); ++i)
    costs[i] = node_cost(graph.nodes[i], shapes[graph.nodes[i].inputs[0]], shapes[i]);
  return costs;
}

Cost cost(const Graph& graph) {
  Cost sum;
  for (const Cost& c : node_costs(graph)) accumulate(sum, c, 1);
  return sum;
}

std::int64_t peak_activation_values(const Graph& graph) {
  const std::vector<Shape> shapes = infer_shapes(graph);
  const std::vector<std::vector<int>> read_by = readers(graph);
  const auto values = [&](std::size_t i) {
    return std::int64_t{shapes[i].channels} * shapes[i].height * shapes[i].width;
  };
  std::int64_t live = 0, peak = 0;
  std::vector<std::vector<std::size_t>> dies_after(graph.nodes.size());
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    live += values(i);
    peak = std::max(peak, live);
    dies_after[read_by[i].empty() ? i : static_cast<std::size_t>(read_by[i].back())].push_back(i);
    for (const std::size_t dead : dies_after[i]) live -= values(dead);
  }
  return peak;
}

MaskedCost::MaskedCost(const Graph& graph, const ChannelGroups& groups, const std::vector<std::int64_t>& prices)
    : terms_of_(groups.groups.size()) {
  if (!prices.empty() && prices.size() != graph.nodes.size()) throw GraphError("prices: one per node is needed");
  const std::vector<Shape> shapes = infer_shapes(graph);
  std::map<std::pair<int, int>, Cost> sums;
  const auto add = [&sums](int a, int b, std::int64_t macs, std::int64_t parameters) {
    Cost c;
    c.macs = macs;
    c.parameters = parameters;
    accumulate(sums[std::minmax(a, b)], c, 1);
  };
  // Channels of a node per member, by group.
  const auto per_member = [&groups](int node) {
    std::map<int, std::int64_t> channels;
    for (const Segment& s : groups.of_node[node]) channels[s.group] += std::int64_t{s.members} * s.repeat;
    for (auto& of_group : channels) of_group.second /= groups.groups[of_group.first].channels;
    return channels;
  };
  for (std::size_t i = 1; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (!has_weights(node.op) && !is_normalisation(node.op)) continue;
    const Attributes& a = node.attributes;
    const std::int64_t area = std::int64_t{shapes[i].height} * shapes[i].width * (prices.empty() ? 1 : prices[i]);
    const std::int64_t window = node.op == Op::conv2d ? std::int64_t{a.kernel_h} * a.kernel_w : 1;
    for (const auto& to : per_member(static_cast<int>(i))) {
      if (is_normalisation(node.op)) {
        add(to.first, -1, 0, 2 * to.second);
        continue;
      }
      if (a.bias) add(to.first, -1, 0, to.second);
      if (is_grouped(node)) {  // a filter reads its part of the input, kept or dropped with it
        const std::int64_t weights = window * (shapes[node.inputs[0]].channels / a.groups) * to.second;
        add(to.first, -1, area * weights, weights);
        continue;
      }
      for (const auto& from : per_member(node.inputs[0]))
        add(to.first, from.first, area * window * to.second * from.second, window * to.second * from.second);
    }
  }
  for (const auto& sum : sums) {
    const int index = static_cast<int>(terms_.size());
    terms_.push_back({sum.first.first, sum.first.second, sum.second});
    if (sum.first.first >= 0) terms_of_[sum.first.first].push_back(index);
    if (sum.first.second >= 0 && sum.first.second != sum.first.first) terms_of_[sum.first.second].push_back(index);
  }
}

Cost MaskedCost::operator()(const std::vector<int>& kept) const {
  if (kept.size() != terms_of_.size()) throw GraphError("kept counts: one per channel group is needed");
  Cost sum;
  for (const Term& t : terms_)
    accumulate(sum, t.coefficient, std::int64_t{t.a < 0 ? 1 : kept[t.a]} * (t.b < 0 ? 1 : kept[t.b]));
  return sum;
}

Cost MaskedCost::marginal(const std::vector<int>& kept, int group) const {
  if (kept.size() != terms_of_.size()) throw GraphError("kept counts: one per channel group is needed");
  Cost saved;
  for (const int index : terms_of_[group]) {
    const Term& t = terms_[index];
    const std::int64_t own = kept[group];
    const int other = t.a == group ? t.b : t.a;
    accumulate(saved, t.coefficient, other == group ? 2 * own - 1 : other < 0 ? 1 : kept[other]);
  }
  return saved;
}

std::vector<int> kept_counts(const Mask& mask) {
  std::vector<int> kept;
  for (const auto& group : mask)
    kept.push_back(static_cast<int>(group.size() - std::count(group.begin(), group.end(), 0)));
  return kept;
}

Cost masked_cost(const Graph& graph, const ChannelGroups& groups, const Mask& mask) {
  return MaskedCost(graph, groups)(kept_counts(mask));
}

}  // namespace graph
}  // namespace automask
