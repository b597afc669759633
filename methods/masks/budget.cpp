#include "methods/masks/budget.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "core/json.h"

namespace automask::methods {
namespace {

// How many steps of a group an exchange may take away and give to another, and how many exchanges follow each other.
// The group with the cheapest step may give more: what an exchange leaves unused is then filled by it to a step.
constexpr int most_down = 4, most_up = 6, most_exchanges = 12, most_down_finest = 256;
constexpr double close_enough = 0.005;  // of the budget, without lanes

std::string four_digits(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4f", std::ceil(value * 1e4) / 1e4);
  return text;
}

}  // namespace

// One cut: members in the order of their worth, and how many of each group are kept.
struct BudgetCut::Search {
  const BudgetCut& cut;
  std::vector<std::vector<int>> order;      // from most to least worth
  std::vector<std::vector<double>> worths;  // sums of the first i scores in that order
  std::vector<int> most, kept;
  std::int64_t allowed, cost;

  Search(const BudgetCut& owner, const Scores& scores, double share, const graph::Mask* within) : cut(owner) {
    const std::size_t count = cut.groups_.size();
    order.resize(count), worths.resize(count);
    most = cut.dense_;
    for (std::size_t g = 0; g < count; ++g) {
      if (!cut.groups_[g].maskable) continue;
      order[g].resize(static_cast<std::size_t>(most[g]));
      std::iota(order[g].begin(), order[g].end(), 0);
      const auto open = [&](int member) { return within == nullptr || (*within)[g][member] != 0; };
      std::stable_sort(order[g].begin(), order[g].end(),
                       [&](int a, int b) { return open(a) != open(b) ? open(a) : scores[g][a] > scores[g][b]; });
      if (within != nullptr) most[g] = static_cast<int>(std::count_if(order[g].begin(), order[g].end(), open));
      if (most[g] >= cut.lanes_) most[g] = most[g] / cut.lanes_ * cut.lanes_;
      worths[g] = {0};
      for (const int member : order[g]) worths[g].push_back(worths[g].back() + scores[g][member]);
    }
    kept = most;
    allowed = static_cast<std::int64_t>(std::floor(share * double(cut.dense_cost_) + 1e-6));
    cost = cut.cost(kept);
  }

  int groups() const { return static_cast<int>(kept.size()); }
  double worth(int g, int low, int high) const { return worths[g][high] - worths[g][low]; }
  std::int64_t saved(int g, int low) { return cut.saved(kept, g, low); }
  // What growing a group to `high` costs.
  std::int64_t added(int g, int high) {
    const int now = kept[g];
    kept[g] = high;
    const std::int64_t difference = saved(g, now);
    kept[g] = now;
    return difference;
  }

  void shrink() {
    while (cost > allowed) {
      int worst = -1;
      double least = 0;
      std::int64_t saving = 0;
      for (int g = 0; g < groups(); ++g) {
        const int next = cut.step_down(g, kept[g]);
        if (next == kept[g]) continue;
        const std::int64_t difference = saved(g, next);
        const double value = worth(g, next, kept[g]) / std::max(double(difference), 1.0);
        if (worst < 0 || value < least) worst = g, least = value, saving = difference;
      }
      if (worst < 0) return;  // only what `within` leaves out can make it so
      kept[worst] = cut.step_down(worst, kept[worst]);
      cost -= saving;
    }
  }

  void grow() {
    while (true) {
      int best = -1;
      double greatest = 0;
      std::int64_t price = 0;
      for (int g = 0; g < groups(); ++g) {
        const int next = cut.step_up(g, kept[g], most[g]);
        if (next == kept[g]) continue;
        const std::int64_t difference = added(g, next);
        if (cost + difference > allowed) continue;
        const double value = worth(g, kept[g], next) / std::max(double(difference), 1.0);
        if (best < 0 || value > greatest) best = g, greatest = value, price = difference;
      }
      if (best < 0) return;
      kept[best] = cut.step_up(best, kept[best], most[best]);
      cost += price;
    }
  }

  int finest_group() {
    int finest = -1;
    std::int64_t cheapest = 0;
    for (int g = 0; g < groups(); ++g) {
      const int next = cut.step_down(g, kept[g]);
      if (next == kept[g]) continue;
      const std::int64_t step = saved(g, next);
      if (finest < 0 || step < cheapest) finest = g, cheapest = step;
    }
    return finest;
  }

  struct Move {
    int from = -1, to = -1, from_kept = 0, to_kept = 0;
    std::int64_t cost = 0;
    double loss = 0;
    bool close = false;  // as much is used as is asked for

    bool better_than(const Move& other) const {
      if (other.from < 0) return true;
      if (close != other.close) return close;
      return close ? loss < other.loss : cost > other.cost;
    }
  };

  // Steps of one group for steps of another, so that more than `used` is used.
  Move best_move(double tolerance, std::int64_t used) {
    Move best;
    const int finest = finest_group();
    for (int from = 0; from < groups(); ++from) {
      const int start = kept[from];
      int low = start;
      for (int down = 0; down < (from == finest ? most_down_finest : most_down); ++down) {
        const int next = cut.step_down(from, low);
        if (next == low) break;
        low = next;
        const double removed = worth(from, low, start);
        const std::int64_t saving = saved(from, low);
        kept[from] = low;
        for (int to = 0; to < groups(); ++to) {
          if (to == from) continue;
          int high = kept[to];
          for (int up = 0; up < most_up; ++up) {
            const int grown = cut.step_up(to, high, most[to]);
            if (grown == high) break;
            high = grown;
            const std::int64_t with = cost - saving + added(to, high);
            if (with > allowed) break;
            if (with <= used) continue;
            const Move move{
                from, to, low, high, with, removed - worth(to, kept[to], high), double(allowed - with) <= tolerance};
            if (move.better_than(best)) best = move;
          }
        }
        kept[from] = start;
      }
    }
    return best;
  }

  // True if less is unused than before. Where one move isn't enough, a third group gives some steps, too.
  bool exchange(double tolerance) {
    Move best = best_move(tolerance, cost);
    int third = -1, third_kept = 0;
    const std::int64_t used = cost;
    for (int g = 0; !best.close && g < groups(); ++g) {
      const int start = kept[g];
      for (int steps = 1, low = start; !best.close && steps <= most_down; ++steps) {
        const int next = cut.step_down(g, low);
        if (next == low) break;
        low = next;
        const std::int64_t saving = saved(g, low);
        kept[g] = low;
        cost = used - saving;
        Move move = best_move(tolerance, used);
        if (move.from >= 0 && move.from != g && move.to != g && move.better_than(best))
          best = move, third = g, third_kept = low;
        kept[g] = start;
      }
    }
    cost = used;
    if (best.from < 0) return false;
    if (third >= 0) kept[third] = third_kept;
    kept[best.from] = best.from_kept;
    kept[best.to] = best.to_kept;
    cost = best.cost;
    return true;
  }
};

BudgetCut::BudgetCut(const graph::Graph& graph, const graph::ChannelGroups& groups, int lanes, Measure measure,
                     const std::vector<std::int64_t>& prices)
    : name_(graph.name), groups_(groups.groups), cost_(graph, groups, prices), lanes_(lanes), measure_(measure) {
  for (const graph::ChannelGroup& group : groups_) dense_.push_back(group.channels);
  dense_cost_ = cost(dense_);
}

std::int64_t BudgetCut::cost(const std::vector<int>& kept) const {
  const graph::Cost both = cost_(kept);
  return measure_ == Measure::parameters ? both.parameters : both.macs;
}

std::int64_t BudgetCut::saved(std::vector<int>& kept, int group, int low) const {
  const int now = kept[group];
  std::int64_t sum = 0;
  while (kept[group] > low) {
    const graph::Cost both = cost_.marginal(kept, group);
    sum += measure_ == Measure::parameters ? both.parameters : both.macs;
    --kept[group];
  }
  kept[group] = now;
  return sum;
}

int BudgetCut::step_down(int group, int kept) const {
  const graph::ChannelGroup& g = groups_[group];
  if (!g.maskable || g.channels < lanes_) return kept;
  const int rounded = kept / lanes_ * lanes_;
  const int next = rounded < kept ? rounded : kept - lanes_;
  return next >= lanes_ ? next : kept;
}

int BudgetCut::step_up(int group, int kept, int most) const {
  return groups_[group].maskable && kept + lanes_ <= most ? kept + lanes_ : kept;
}

bool BudgetCut::has_groups() const {
  return std::any_of(groups_.begin(), groups_.end(),
                     [this](const auto& g) { return g.maskable && g.channels > lanes_; });
}

double BudgetCut::smallest_share() const {
  std::vector<int> kept = dense_;
  for (std::size_t g = 0; g < kept.size(); ++g)
    if (groups_[g].maskable) kept[g] = std::min(kept[g], lanes_);
  return double(cost(kept)) / double(dense_cost_);
}

double BudgetCut::share(const graph::Mask& mask) const {
  return double(cost(graph::kept_counts(mask))) / double(dense_cost_);
}

double BudgetCut::tolerance(double share, const std::vector<int>& kept) const {
  if (lanes_ == 1) return close_enough * share;
  std::int64_t cheapest = 0;
  std::vector<int> counts = kept;
  for (int g = 0; g < static_cast<int>(groups_.size()); ++g) {
    const int low = step_down(g, kept[g]), high = step_up(g, kept[g], groups_[g].channels);
    if (low == kept[g] && high == kept[g]) continue;
    counts[g] = high;
    std::int64_t step = high > kept[g] ? saved(counts, g, kept[g]) : 0;
    counts[g] = kept[g];
    if (low < kept[g]) step = step == 0 ? saved(counts, g, low) : std::min(step, saved(counts, g, low));
    cheapest = cheapest == 0 ? step : std::min(cheapest, step);
  }
  return double(std::max<std::int64_t>(cheapest - 1, 0)) / double(dense_cost_);
}

graph::Mask BudgetCut::smallest() const {
  Scores none;
  for (const auto& group : groups_) none.emplace_back(group.maskable ? group.channels : 0, 0.0);
  return (*this)(none, smallest_share());
}

void BudgetCut::require(double wanted, double budget_of_one) const {
  const double smallest = smallest_share();
  if (smallest <= wanted) return;
  struct Words {
    const char *option, *unit;
  };
  static const Words words[] = {{"mac_budget", "MACs"}, {"byte_budget", "parameters"}, {"latency_budget", "time"}};
  const auto& [option, unit] = words[static_cast<int>(measure_)];
  const std::string place = (measure_ == Measure::macs ? std::string(option) : std::string("budget of ") + unit) + " " +
                            core::Json(wanted / budget_of_one).dump();
  if (!has_groups()) {
    int most = 1;
    for (const graph::ChannelGroup& group : groups_)
      if (group.maskable) most = std::max(most, group.channels);
    throw core::Error(core::ExitCode::steps_failed, place,
                      name_ + " has no group of channels that can be masked" +
                          (lanes_ > 1 ? " in steps of " + std::to_string(lanes_) + " lanes" : ""),
                      most > 1 ? "lower lanes below " + std::to_string(most) + ", the channels of its largest group"
                               : "take a method without masks, or another model");
  }
  throw core::Error(core::ExitCode::steps_failed, place,
                    name_ + " cannot get that small" + (lanes_ > 1 ? " with lanes " + std::to_string(lanes_) : "") +
                        ": its smallest possible share of the dense " + unit + " is " +
                        four_digits(smallest / budget_of_one),
                    std::string("raise ") + option + (lanes_ > 1 ? " or lower lanes" : ""));
}

graph::Mask BudgetCut::operator()(const Scores& scores, double wanted, const graph::Mask* within) const {
  require(wanted);
  Search search(*this, scores, wanted, within);
  const bool binding = search.cost > search.allowed;
  search.shrink();
  search.grow();
  // A budget that the network meets as it is needs no filling.
  for (int i = 0; binding && i < most_exchanges; ++i) {
    const double close = tolerance(wanted, search.kept) * double(dense_cost_);
    if (double(search.allowed - search.cost) <= close || !search.exchange(close)) break;
    search.grow();
  }

  graph::Mask mask;
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const bool maskable = groups_[g].maskable;
    mask.emplace_back(groups_[g].channels, maskable ? std::uint8_t{0} : std::uint8_t{1});
    for (int i = 0; maskable && i < search.kept[g]; ++i) mask[g][search.order[g][i]] = 1;
  }
  return mask;
}

}  // namespace automask::methods
