#include "methods/masks/widths.h"

#include <algorithm>
#include <cmath>

#include "methods/masks/budget.h"

namespace automask::methods {
namespace {

// Halvings of (0, 1]: beyond the largest group's channels nothing changes any more.
constexpr int halvings = 24;

// A group of fewer channels than lanes stays whole, as BudgetCut leaves it.
bool may_shrink(const graph::ChannelGroup& group, int lanes) { return group.maskable && group.channels >= lanes; }

std::vector<int> width_counts(const graph::ChannelGroups& groups, double width, int lanes) {
  std::vector<int> kept;
  for (const graph::ChannelGroup& group : groups.groups) {
    // What a product like 0.3 x 10 lacks of a whole number is not a channel.
    const int wanted = static_cast<int>(std::floor(width * group.channels + 1e-9)) / lanes * lanes;
    kept.push_back(width >= 1 || !may_shrink(group, lanes) ? group.channels : std::max(wanted, lanes));
  }
  return kept;
}

graph::Mask first_channels(const graph::ChannelGroups& groups, const std::vector<int>& kept) {
  graph::Mask mask;
  for (std::size_t g = 0; g < kept.size(); ++g) {
    mask.emplace_back(groups.groups[g].channels, std::uint8_t{0});
    std::fill_n(mask.back().begin(), kept[g], std::uint8_t{1});
  }
  return mask;
}

}  // namespace

graph::Mask width_mask(const graph::ChannelGroups& groups, double width, int lanes) {
  return first_channels(groups, width_counts(groups, width, lanes));
}

Slim slim_mask(const graph::Graph& graph, const graph::ChannelGroups& groups, double share, int lanes) {
  BudgetCut(graph, groups, lanes).require(share);
  const graph::MaskedCost cost(graph, groups);
  std::vector<int> dense;
  for (const graph::ChannelGroup& group : groups.groups) dense.push_back(group.channels);
  const auto allowed = static_cast<std::int64_t>(std::floor(share * double(cost(dense).macs) + 1e-6));
  const auto fits = [&](const std::vector<int>& kept) { return cost(kept).macs <= allowed; };

  Slim slim;
  if (!fits(dense)) {
    double low = 0, high = 1;  // `low` fits: require() saw that the smallest network does
    for (int i = 0; i < halvings; ++i) {
      const double middle = (low + high) / 2;
      (fits(width_counts(groups, middle, lanes)) ? low : high) = middle;
    }
    slim.width = low;
  }
  std::vector<int> kept = width_counts(groups, slim.width, lanes);
  while (true) {
    int grown = -1;
    double least = 0;
    for (std::size_t g = 0; g < kept.size(); ++g) {
      const graph::ChannelGroup& group = groups.groups[g];
      if (!may_shrink(group, lanes) || kept[g] + lanes > group.channels) continue;
      std::vector<int> larger = kept;
      larger[g] += lanes;
      const double proportion = double(kept[g]) / group.channels;
      if (fits(larger) && (grown < 0 || proportion < least)) grown = static_cast<int>(g), least = proportion;
    }
    if (grown < 0) break;
    kept[static_cast<std::size_t>(grown)] += lanes;
  }
  slim.mask = first_channels(groups, kept);
  return slim;
}

Slim slim_mask(const graph::Graph& graph, const graph::ChannelGroups& groups, double share, int lanes,
               const std::function<bool(const graph::Mask&)>& fits) {
  Slim widest = slim_mask(graph, groups, share, lanes);
  if (fits(widest.mask)) return widest;
  double low = BudgetCut(graph, groups, lanes).smallest_share(), high = share;
  widest = slim_mask(graph, groups, low, lanes);
  for (int i = 0; i < halvings; ++i) {
    const double middle = (low + high) / 2;
    Slim slim = slim_mask(graph, groups, middle, lanes);
    if (fits(slim.mask)) {
      low = middle;
      widest = std::move(slim);
    } else {
      high = middle;
    }
  }
  return widest;
}

}  // namespace automask::methods
