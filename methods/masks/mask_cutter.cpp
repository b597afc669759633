#include "methods/masks/mask_cutter.h"

#include <algorithm>
#include <cmath>

#include "methods/masks/feasibility.h"

namespace automask::methods {
namespace {

// Halvings of the share of parameters until the package fits: finer than a channel of any network here.
constexpr int bisections = 14;

double total(const Scores& scores) {
  double sum = 0;
  for (const auto& group : scores)
    for (const double score : group) sum += score;
  return sum;
}

Scores zeros_like(const Scores& scores) {
  Scores zeros = scores;
  for (auto& group : zeros) std::fill(group.begin(), group.end(), 0.0);
  return zeros;
}

void add(Scores& sum, const Scores& scores, double weight) {
  for (std::size_t g = 0; g < sum.size(); ++g)
    for (std::size_t c = 0; c < sum[g].size(); ++c) sum[g][c] += weight * scores[g][c];
}

}  // namespace

Scores mixed(const std::vector<const Scores*>& own, const std::vector<double>& weights, int set, double consensus) {
  const Scores& mine = *own[set];
  Scores result = zeros_like(mine);
  for (std::size_t k = 0; k < own.size(); ++k) add(result, *own[k], weights[k]);
  const double own_total = total(mine);
  const double scale = own_total > 0 ? total(result) / own_total : 0;
  for (std::size_t g = 0; g < mine.size(); ++g)
    for (std::size_t c = 0; c < mine[g].size(); ++c)
      result[g][c] = consensus * result[g][c] + (1 - consensus) * scale * mine[g][c];
  return result;
}

std::vector<Scores> grouped(const std::vector<const Scores*>& own, const std::vector<double>& weights,
                            const std::vector<int>& group_of_set) {
  std::vector<Scores> result;
  for (std::size_t set = 0; set < own.size(); ++set) {
    Scores mean = zeros_like(*own[set]);
    double weight = 0;
    for (std::size_t other = 0; other < own.size(); ++other) {
      if (group_of_set[other] != group_of_set[set]) continue;
      weight += weights[other];
      add(mean, *own[other], weights[other]);
    }
    for (auto& group : mean)
      for (double& score : group) score /= weight;
    result.push_back(std::move(mean));
  }
  return result;
}

double overlap(const graph::ChannelGroups& groups, const graph::Mask& a, const graph::Mask& b) {
  int both = 0, either = 0;
  for (std::size_t g = 0; g < a.size(); ++g) {
    if (!groups.groups[g].maskable) continue;
    for (std::size_t c = 0; c < a[g].size(); ++c) {
      both += a[g][c] != 0 && b[g][c] != 0;
      either += a[g][c] != 0 || b[g][c] != 0;
    }
  }
  return either == 0 ? 1 : double(both) / either;
}

namespace {

double mean_over_pairs(const graph::ChannelGroups& groups, const std::vector<graph::Mask>& masks) {
  double sum = 0;
  int pairs = 0;
  for (std::size_t a = 0; a < masks.size(); ++a)
    for (std::size_t b = a + 1; b < masks.size(); ++b, ++pairs) sum += overlap(groups, masks[a], masks[b]);
  return pairs == 0 ? 1 : sum / pairs;
}

}  // namespace

double mean_overlap(const graph::Graph& graph, const std::vector<graph::Mask>& masks) {
  return mean_over_pairs(graph::channel_groups(graph), masks);
}

double MaskCutter::mean_overlap(const std::vector<graph::Mask>& masks) const { return mean_over_pairs(groups_, masks); }

namespace {

Measure measure_of(const MethodSpec& spec) { return spec.latency_budget ? Measure::time : Measure::macs; }

std::vector<std::int64_t> prices_of(const graph::Graph& graph, const MethodSpec& spec) {
  return spec.latency_budget ? spec.latency_budget->prices(graph) : std::vector<std::int64_t>{};
}

}  // namespace

MaskCutter::MaskCutter(const graph::Graph& graph, const MethodSpec& spec, double mac_budget, double consensus,
                       std::vector<double> weights, PackageBytes bytes)
    : groups_(graph::channel_groups(graph)),
      consensus_(consensus),
      union_penalty_(spec.union_penalty),
      byte_budget_(spec.byte_budget),
      weights_(std::move(weights)),
      bytes_(std::move(bytes)),
      macs_(graph, groups_, 1),
      ramp_(graph, groups_, 1, measure_of(spec), prices_of(graph, spec)),
      final_(graph, groups_, spec.lanes, measure_of(spec), prices_of(graph, spec)),
      ramp_by_parameters_(graph, groups_, 1, Measure::parameters),
      by_parameters_(graph, groups_, spec.lanes, Measure::parameters),
      budget_(spec.latency_budget ? time_share(graph, spec, final_) : mac_budget) {
  final_.require(budget_, spec.latency_budget || spec.mac_budget == 1 ? 1 : mac_budget / spec.mac_budget);
  if (!bytes_) return;
  require_bytes(graph, spec, bytes_(std::vector<graph::Mask>(weights_.size(), by_parameters_.smallest())));
}

std::vector<graph::Mask> MaskCutter::cut(const BudgetCut& by_computation, const std::vector<const Scores*>& own,
                                         double share, const graph::Mask* within) const {
  std::vector<graph::Mask> masks;
  const int sets = static_cast<int>(own.size());
  graph::Mask common;
  if (union_penalty_ > 0 && consensus_ < 1) common = by_computation(mixed(own, weights_, 0, 1), share, within);
  for (int k = 0; k < sets; ++k) {
    // With one mask for all, it is cut once.
    if (consensus_ == 1 && k > 0) {
      masks.push_back(masks[0]);
      continue;
    }
    Scores scores = mixed(own, weights_, k, consensus_);
    for (std::size_t g = 0; g < common.size(); ++g)
      for (std::size_t c = 0; c < scores[g].size(); ++c)
        if (common[g][c] == 0) scores[g][c] *= 1 - union_penalty_;
    masks.push_back(by_computation(scores, share, within));
  }
  return masks;
}

std::optional<std::vector<graph::Mask>> MaskCutter::ramp(const std::vector<const Scores*>& own, double share,
                                                         double progress, const graph::Mask* allowed) const {
  if (share < ramp_.smallest_share()) return std::nullopt;
  if (!bytes_) return cut(ramp_, own, share, allowed);
  const double all = double(bytes_(std::vector<graph::Mask>(own.size(), graph::full_mask(groups_))));
  const double wanted = 1 - progress * (1 - std::min(double(byte_budget_) / all, 1.0));
  const double parameters = std::max(wanted, ramp_by_parameters_.smallest_share());
  const graph::Mask within = ramp_by_parameters_(mixed(own, weights_, 0, 1), parameters);
  return cut(ramp_, own, share, &within);
}

// The union first: as many of the commonly best channels as the bytes allow; then each mask within it.
std::vector<graph::Mask> MaskCutter::within_bytes(const std::vector<const Scores*>& own) const {
  const Scores common = mixed(own, weights_, 0, 1);
  const auto masks_of = [&](double parameters) {
    const graph::Mask within = by_parameters_(common, parameters);
    return cut(final_, own, budget_, &within);
  };
  std::vector<graph::Mask> best = cut(final_, own, budget_, nullptr);
  if (bytes_(best) <= byte_budget_) return best;
  double low = by_parameters_.smallest_share(), high = 1;
  best = masks_of(low);
  for (int i = 0; i < bisections; ++i) {
    const double middle = (low + high) / 2;
    std::vector<graph::Mask> masks = masks_of(middle);
    if (bytes_(masks) <= byte_budget_) {
      low = middle;
      best = std::move(masks);
    } else {
      high = middle;
    }
  }
  return best;
}

std::vector<graph::Mask> MaskCutter::last(const std::vector<const Scores*>& own, const graph::Mask* within) const {
  return bytes_ ? within_bytes(own) : cut(final_, own, budget_, within);
}

core::Json MaskCutter::overlaps(const std::vector<graph::Mask>& masks) const {
  core::Json rows = core::Json::array();
  for (const graph::Mask& a : masks) {
    core::Json row = core::Json::array();
    for (const graph::Mask& b : masks) row.push_back(overlap(groups_, a, b));
    rows.push_back(row);
  }
  return rows;
}

}  // namespace automask::methods
