#include "harness/steps/execute_results.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "results/statistics.h"

namespace automask::harness::steps {

std::size_t most_executed(const Context& context) {
  const auto limit = static_cast<std::size_t>(context.parameters().at("options").integer_or("limit", 0));
  return limit == 0 ? std::numeric_limits<std::size_t>::max() : limit;
}

datasets::PictureSet executed_pictures(const Context& context, const std::string& condition) {
  auto pictures = datasets::read_picture_set(context.input_folder("variant:" + condition, Stage::variant));
  const std::size_t most = most_executed(context);
  return most < pictures.size() ? datasets::spread(pictures, most) : pictures;
}

std::int64_t count_correct(const host::CellResult& run, const std::vector<int>& labels) {
  const auto classes = static_cast<std::size_t>(run.classes);
  std::int64_t hits = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto first = run.outputs.begin() + static_cast<std::ptrdiff_t>(i * classes);
    hits += std::max_element(first, first + run.classes) - first == labels[i];
  }
  return hits;
}

void add_share(Outcome& outcome, const std::string& name, const std::string& condition, std::int64_t hits,
               std::int64_t n, const std::string& evidence) {
  const auto interval = results::wilson_percent(hits, n);
  outcome.metrics.push_back({name, condition, 100.0 * static_cast<double>(hits) / static_cast<double>(n), interval.low,
                             interval.high, evidence, n});
}

void add_results(Outcome& outcome, const std::string& prefix, const std::string& condition, const host::CellResult& run,
                 const std::vector<int>& labels, const std::string& evidence) {
  add_share(outcome, prefix + "top1", condition, count_correct(run, labels), static_cast<std::int64_t>(labels.size()),
            evidence);
  if (run.latencies_ms.empty()) return;
  for (const auto& [name, q] : {std::pair{"latency_median", 0.5}, {"latency_p90", 0.9}, {"latency_p99", 0.99}}) {
    const auto bounds = results::quantile_interval(run.latencies_ms, q);
    outcome.metrics.push_back({prefix + name, condition, results::quantile(run.latencies_ms, q), bounds.low,
                               bounds.high, evidence, static_cast<std::int64_t>(run.latencies_ms.size())});
  }
}

void add_metrics(Outcome& outcome, const std::string& condition, const host::CellResult& run,
                 const std::vector<int>& labels, const std::string& evidence) {
  add_results(outcome, "", condition, run, labels, evidence);
  double sum = 0;
  for (const double latency : run.latencies_ms) sum += latency;
  const double none = std::numeric_limits<double>::quiet_NaN();
  const auto count = static_cast<std::int64_t>(run.latencies_ms.size());
  const double mean = sum / static_cast<double>(count);
  outcome.metrics.push_back({"latency_mean", condition, mean, none, none, evidence, count});
  // By the host's clock, so only where that is the device's: a simulator's wall time is nobody's throughput.
  if (evidence == "measured" && run.wall_seconds > 0)
    outcome.metrics.push_back(
        {"throughput", condition, static_cast<double>(count) / run.wall_seconds, none, none, evidence, count});
  if (!run.block_mj.empty()) {  // blocks lie apart in time: what drifts between them is in the interval
    const results::MeanInterval energy = results::mean_interval(run.block_mj);
    outcome.metrics.push_back(
        {"energy", condition, energy.mean, energy.interval.low, energy.interval.high, evidence, count});
  }
  outcome.samples.push_back({condition, run.latencies_ms});
}

std::string disagreement(const std::string& condition, const SpotCheck& check) {
  if (check.exact)
    return fmt::format("its outputs for \"{}\" are not those of the integer reference, bit for bit, on {} pictures",
                       condition, check.pictures);
  return fmt::format(
      "its outputs for \"{}\" differ from the reference by {:.2g} of the largest logit on {} pictures "
      "(allowed {:.0e})",
      condition, check.largest_difference, check.pictures, check.allowed);
}

}  // namespace automask::harness::steps
