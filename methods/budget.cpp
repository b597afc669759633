#include "methods/budget.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "core/json.h"

namespace automask::methods {
namespace {

// Members from most to least worth.
std::vector<int> ranking(const std::vector<double>& scores) {
  std::vector<int> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return scores[a] > scores[b]; });
  return order;
}

std::string four_digits(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4f", std::ceil(value * 1e4) / 1e4);
  return text;
}

}  // namespace

BudgetCut::BudgetCut(const graph::Graph& graph, const graph::ChannelGroups& groups, int lanes)
    : name_(graph.name), groups_(groups.groups), cost_(graph, groups), lanes_(lanes) {
  for (const graph::ChannelGroup& group : groups_) dense_.push_back(group.channels);
  dense_macs_ = macs(dense_);
}

int BudgetCut::step_down(int group, int kept) const {
  const graph::ChannelGroup& g = groups_[group];
  if (!g.maskable || g.channels < lanes_) return kept;
  const int rounded = kept / lanes_ * lanes_;
  const int next = rounded < kept ? rounded : kept - lanes_;
  return next >= lanes_ ? next : kept;
}

int BudgetCut::step_up(int group, int kept) const {
  const graph::ChannelGroup& g = groups_[group];
  return g.maskable && kept + lanes_ <= g.channels ? kept + lanes_ : kept;
}

double BudgetCut::smallest_share() const {
  std::vector<int> kept = dense_;
  for (std::size_t g = 0; g < kept.size(); ++g)
    if (groups_[g].maskable) kept[g] = std::min(kept[g], lanes_);
  return double(macs(kept)) / double(dense_macs_);
}

double BudgetCut::share(const graph::Mask& mask) const {
  return double(macs(graph::kept_counts(mask))) / double(dense_macs_);
}

void BudgetCut::require(double wanted) const {
  const double smallest = smallest_share();
  if (smallest <= wanted) return;
  throw core::Error(core::ExitCode::steps_failed, "mac_budget " + core::Json(wanted).dump(),
                    name_ + " cannot get that small" + (lanes_ > 1 ? " with lanes " + std::to_string(lanes_) : "") +
                        ": its smallest possible share of " + "the dense MACs is " + four_digits(smallest),
                    "raise mac_budget or lower lanes");
}

graph::Mask BudgetCut::operator()(const Scores& scores, double wanted) const {
  require(wanted);
  const int count = static_cast<int>(groups_.size());
  std::vector<std::vector<int>> order(count);
  std::vector<int> kept = dense_;
  for (int g = 0; g < count; ++g) {
    if (!groups_[g].maskable) continue;
    order[g] = ranking(scores[g]);
    if (groups_[g].channels >= lanes_) kept[g] = kept[g] / lanes_ * lanes_;
  }
  // Score per MAC of the channels between two counts of a group.
  const auto worth = [&](int g, int low, int high) {
    double score = 0;
    for (int i = low; i < high; ++i) score += scores[g][order[g][i]];
    std::vector<int> with = kept, without = kept;
    with[g] = high;
    without[g] = low;
    return score / std::max<double>(double(macs(with) - macs(without)), 1);
  };

  const auto allowed = static_cast<std::int64_t>(std::floor(wanted * double(dense_macs_) + 1e-6));
  while (macs(kept) > allowed) {
    int worst = -1;
    double least = 0;
    for (int g = 0; g < count; ++g) {
      const int next = step_down(g, kept[g]);
      if (next == kept[g]) continue;
      const double value = worth(g, next, kept[g]);
      if (worst < 0 || value < least) worst = g, least = value;
    }
    kept[worst] = step_down(worst, kept[worst]);  // there is one: require() saw that the smallest network fits
  }
  while (true) {
    int best = -1;
    double most = 0;
    for (int g = 0; g < count; ++g) {
      const int next = step_up(g, kept[g]);
      if (next == kept[g]) continue;
      std::vector<int> grown = kept;
      grown[g] = next;
      if (macs(grown) > allowed) continue;
      const double value = worth(g, kept[g], next);
      if (best < 0 || value > most) best = g, most = value;
    }
    if (best < 0) break;
    kept[best] = step_up(best, kept[best]);
  }

  graph::Mask mask;
  for (int g = 0; g < count; ++g) {
    mask.emplace_back(groups_[g].channels, std::uint8_t{groups_[g].maskable ? std::uint8_t{0} : std::uint8_t{1}});
    if (groups_[g].maskable)
      for (int i = 0; i < kept[g]; ++i) mask[g][order[g][i]] = 1;
  }
  return mask;
}

}  // namespace automask::methods
