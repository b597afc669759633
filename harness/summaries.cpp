#include "harness/summaries.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "harness/conditions.h"
#include "harness/held_out.h"

namespace automask::harness {
namespace {

using results::Metric;

class Summariser {
 public:
  explicit Summariser(const std::vector<Metric>& metrics) : metrics_(metrics) {
    const Metric* sets = find("condition_sets", "");
    // Widths are no conditions: the first of them serves all.
    widths_ = std::any_of(metrics_.begin(), metrics_.end(), [](const Metric& metric) {
      return metric.name == "macs" && !metric.condition.empty() && serves_all(metric.condition);
    });
    several_ = sets != nullptr && sets->value > 1 && !widths_;
  }

  bool several_sets() const { return several_; }

  // The metric that holds the headline: with the predicted condition where there is a choice.
  std::string headline(const std::string& name) const { return several_ ? "predicted_" + name : name; }

  // Of several widths the first one's macs are recorded as their mean.
  std::string macs() const { return widths_ ? "mean_macs" : "macs"; }

  // Weighted mean of `name` over conditions (of the network as a whole where it has but one), recorded as `as`.
  void add_mean(const std::string& as, const std::string& as_condition, const std::string& name,
                const std::vector<std::string>& conditions, const std::vector<double>& weights) {
    if (conditions.empty()) return;
    Metric mean{as, as_condition, 0, 0, 0, "", 0};
    for (std::size_t i = 0; i < conditions.size(); ++i) {
      const Metric* part = find(name, conditions[i]);
      if (part == nullptr) part = find(name, "");
      if (part == nullptr) return;
      mean.value += weights[i] * part->value;
      mean.ci_lo += weights[i] * part->ci_lo;
      mean.ci_hi += weights[i] * part->ci_hi;
      // Numbers of several kinds are as good as the least of them; the catalogue's order is from measured to counted.
      if (mean.evidence.empty() || mean.evidence == part->evidence)
        mean.evidence = part->evidence;
      else
        mean.evidence = mean.evidence == "measured" ? part->evidence : mean.evidence;
      mean.n += part->n;
    }
    added_.push_back(mean);
  }

  void add_mean(const std::string& as, const std::string& name, const std::vector<std::string>& conditions) {
    const std::vector<double> equal(conditions.size(),
                                    1 / static_cast<double>(std::max<std::size_t>(conditions.size(), 1)));
    add_mean(as, "", name, conditions, equal);
  }

  void add_to_last(const std::string& name) {
    const Metric* more = find(name, "");
    if (more != nullptr && !added_.empty() && added_.back().name.ends_with("_macs")) {
      added_.back().value += more->value;
      added_.back().ci_lo = added_.back().ci_hi = std::numeric_limits<double>::quiet_NaN();
    }
  }

  std::vector<Metric> take() { return std::move(added_); }

 private:
  const Metric* find(const std::string& name, const std::string& condition) const {
    const auto found = std::find_if(metrics_.begin(), metrics_.end(), [&](const Metric& metric) {
      return metric.name == name && metric.condition == condition;
    });
    return found == metrics_.end() ? nullptr : &*found;
  }

  const std::vector<Metric>& metrics_;
  std::vector<Metric> added_;
  bool several_ = false, widths_ = false;
};

std::vector<std::string> names_of(const std::vector<corruptions::Condition>& conditions) {
  std::vector<std::string> names;
  for (const auto& condition : conditions) names.push_back(condition.canonical());
  return names;
}

}  // namespace

std::vector<Metric> summaries(const Manifest& manifest, const std::vector<Metric>& metrics) {
  Summariser summariser(metrics);
  const std::vector<std::string> conditions = names_of(manifest.conditions);
  const std::string top1 = summariser.headline("top1");
  summariser.add_mean("mean_top1_trained", top1, conditions);
  if (std::find(conditions.begin(), conditions.end(), "clean") != conditions.end())
    summariser.add_mean("clean_top1", top1, {"clean"});
  if (summariser.several_sets()) summariser.add_mean("mean_top1_oracle", "top1", conditions);
  summariser.add_mean("mean_macs", "macs", conditions);
  summariser.add_to_last("adaptation_macs");  // a network that adapts at test time does so at every inference
  for (const Unseen unseen : {Unseen::severity, Unseen::corruption}) {
    std::vector<std::string> own;
    for (const auto& condition : manifest.held_out)
      if (unseen_of(manifest.conditions, condition) == unseen) own.push_back(condition.canonical());
    const std::string kind(to_string(unseen));
    summariser.add_mean("mean_top1_unseen_" + kind, summariser.headline("unseen_" + kind + "_top1"), own);
  }
  for (const Mix& mix : manifest.mixes) {
    summariser.add_mean("mix_top1", mix.name, top1, conditions, mix.weights);
    summariser.add_mean("mix_macs", mix.name, summariser.macs(), conditions, mix.weights);
    summariser.add_to_last("adaptation_macs");
    summariser.add_mean("mix_latency_median", mix.name, summariser.headline("latency_median"), conditions, mix.weights);
  }
  return summariser.take();
}

}  // namespace automask::harness
