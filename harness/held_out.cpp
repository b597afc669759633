#include "harness/held_out.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"

namespace automask::harness {
namespace {

using corruptions::Condition;
using corruptions::Link;

// Of one operator's level; nothing where the two are not measured alike (a quality and a budget of bytes).
std::optional<double> distance(const Link& a, const Link& b) {
  if (a.name != b.name || (a.max_bytes == 0) != (b.max_bytes == 0)) return std::nullopt;
  if (a.max_bytes == 0) return std::abs(a.level - b.level);
  return std::abs(std::log2(static_cast<double>(a.max_bytes)) - std::log2(static_cast<double>(b.max_bytes)));
}

std::optional<double> distance(const Condition& a, const Condition& b) {
  if (a.links().size() != b.links().size()) return std::nullopt;
  double sum = 0;
  for (std::size_t i = 0; i < a.links().size(); ++i) {
    const auto one = distance(a.links()[i], b.links()[i]);
    if (!one) return std::nullopt;
    sum += *one;
  }
  return sum;
}

bool has(const Condition& condition, const std::string& corruption) {
  return std::any_of(condition.links().begin(), condition.links().end(),
                     [&](const Link& link) { return link.name == corruption; });
}

std::vector<Condition> parsed(const std::vector<std::string>& names) {
  std::vector<Condition> conditions;
  for (const std::string& name : names) conditions.push_back(Condition::parse(name));
  return conditions;
}

}  // namespace

std::string_view to_string(Unseen unseen) { return unseen == Unseen::severity ? "severity" : "corruption"; }

std::optional<int> right_set(const std::vector<Condition>& trained, const Condition& condition) {
  std::optional<int> best;
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < trained.size(); ++i) {
    if (trained[i] == condition) return static_cast<int>(i);
    const auto near = distance(trained[i], condition);
    if (!near || *near >= least) continue;
    least = *near;
    best = static_cast<int>(i);
  }
  return best;
}

Unseen unseen_of(const std::vector<Condition>& trained, const Condition& condition) {
  return right_set(trained, condition) ? Unseen::severity : Unseen::corruption;
}

bool shows(const Condition& other, const Condition& unseen, const std::vector<Condition>& trained) {
  if (other == unseen) return true;
  if (unseen_of(trained, unseen) == Unseen::severity) return false;
  for (const Link& link : unseen.links())
    if (has(other, link.name) && std::none_of(trained.begin(), trained.end(),
                                              [&](const Condition& condition) { return has(condition, link.name); }))
      return true;
  return right_set({other}, unseen).has_value();
}

int set_for(const std::vector<std::string>& sets, const std::string& condition) {
  if (sets.size() == 1) return 0;
  const auto own = std::find(sets.begin(), sets.end(), condition);
  if (own != sets.end()) return static_cast<int>(own - sets.begin());
  const bool general = sets.back() == "*";
  try {
    const std::vector<Condition> trained = parsed({sets.begin(), sets.end() - (general ? 1 : 0)});
    return right_set(trained, Condition::parse(condition)).value_or(general ? static_cast<int>(trained.size()) : 0);
  } catch (const core::Error&) {  // sets that are no conditions, e.g. widths
    return 0;
  }
}

std::string held_out_metric(const std::vector<std::string>& trained, const std::string& condition) {
  return fmt::format("unseen_{}_top1", to_string(unseen_of(parsed(trained), Condition::parse(condition))));
}

}  // namespace automask::harness
