#include "methods/masks/feasibility.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/error.h"
#include "methods/masks/package_bytes.h"
#include "methods/recipes/denoiser.h"

namespace automask::methods {
namespace {

std::string lower_lanes(const MethodSpec& spec) { return spec.lanes > 1 ? " or lower lanes" : ""; }

// Names and what the package says of its training would take some more.
std::int64_t least_bytes(const graph::Graph& graph, const MethodSpec& spec, std::size_t sets) {
  PackagePlan plan;
  plan.graph = graph;
  for (std::size_t k = 0; k < sets; ++k) plan.set_names.push_back(std::to_string(k));
  plan.classes.resize(static_cast<std::size_t>(graph::infer_shapes(graph).back().channels));
  const auto channels = static_cast<std::size_t>(graph.input.channels);
  plan.scaling = {std::vector<float>(channels), std::vector<float>(channels, 1.0F)};
  plan.estimator = sets > 1;
  plan.estimator_options = spec.estimator;
  plan.private_stem = spec.stem == Stem::own && sets > 1;
  plan.record = core::Json::object();
  const BudgetCut cut(graph, graph::channel_groups(graph), spec.lanes, Measure::parameters);
  return package_bytes(plan, std::vector<graph::Mask>(sets, cut.smallest()));
}

}  // namespace

double time_share(const graph::Graph& graph, const MethodSpec& spec, const BudgetCut& cut) {
  const LatencyBudget& budget = *spec.latency_budget;
  const double fixed = budget.fixed_ms(), dense = double(cut.dense_cost()) / femtoseconds_per_ms;
  const double smallest = fixed + dense * cut.smallest_share();
  if (smallest > budget.ms)
    throw core::Error(core::ExitCode::steps_failed, "latency_budget of " + core::Json(budget.ms).dump() + " ms",
                      graph.name + " cannot get that fast" + (budget.runner.empty() ? "" : " on " + budget.runner) +
                          ": its smallest possible time is " + core::Json(std::ceil(smallest * 1e4) / 1e4).dump() +
                          " ms, of which " + core::Json(std::round(fixed * 1e4) / 1e4).dump() +
                          " do not depend on channels",
                      "raise latency_budget" + lower_lanes(spec));
  return dense > 0 ? std::min((budget.ms - fixed) / dense, 1.0) : 1.0;
}

void require_bytes(const graph::Graph& graph, const MethodSpec& spec, std::int64_t least, bool exact) {
  if (least <= spec.byte_budget) return;
  throw core::Error(core::ExitCode::steps_failed, "byte_budget " + std::to_string(spec.byte_budget),
                    graph.name + " cannot get that small: its smallest possible package has " +
                        (exact ? "" : "more than ") + std::to_string(least) + " bytes",
                    "raise byte_budget" + lower_lanes(spec));
}

void check_budgets(const graph::Graph& model, const MethodSpec& spec, std::size_t conditions) {
  if (!spec.has_budget()) return;
  const graph::Graph graph = with_denoiser_of(spec, model);
  const graph::ChannelGroups groups = graph::channel_groups(graph);
  if (!spec.latency_budget) {
    const double share = mac_share(spec, model);
    BudgetCut(graph, groups, spec.lanes).require(share, share / spec.mac_budget);
  } else if (!spec.latency_budget->layers.empty()) {
    time_share(graph, spec, {graph, groups, spec.lanes, Measure::time, spec.latency_budget->prices(graph)});
  }
  if (spec.byte_budget == 0) return;
  if (method_info(spec.method).product == Product::networks) {
    const std::int64_t least = bytes_of_all(spec, conditions, least_bytes(graph, spec, 1));
    return require_bytes(graph, spec, least, false);
  }
  const bool several = spec.normalisation != Normalisation::shared || spec.consensus.value_or(1) != 1;
  require_bytes(graph, spec, least_bytes(graph, spec, several ? conditions + (spec.general_set ? 1 : 0) : 1), false);
}

}  // namespace automask::methods
