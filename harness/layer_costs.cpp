#include "harness/layer_costs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "core/error.h"
#include "harness/layer_times.h"
#include "methods/masks/widths.h"

namespace automask::harness {

using core::Json;

namespace {

// Per condition {"layers": [{"name", "ms"}]}: from the model, or the medians of executions on the device.
Json answers_of(host::Session& session, const host::Device& device, const package::Package& package,
                const Json& prepare, int runs) {
  session.load(package::encode(package));
  if (device.evidence != "measured") return session.prepare(prepare).value("modelled", Json::array());
  Json apart = prepare;
  apart["layers_apart"] = true;
  try {
    session.prepare(apart);
  } catch (const host::RunnerFailure& failure) {
    if (failure.kind() != host::FailureKind::refused && failure.kind() != host::FailureKind::unsupported) throw;
    return Json::array();  // it does not know the option: it tells no single layers
  }
  return measured_conditions(session, package, runs);
}

}  // namespace

package::Package with_shares(const package::Package& package, const std::vector<double>& shares, int lanes) {
  const graph::ChannelGroups groups = graph::channel_groups(package.graph);
  package::Package result = package;
  result.estimator = {};
  result.conditions.clear();
  for (const double share : shares) {
    package::Condition condition = package.conditions.front();
    condition.name = fmt::format("share {}", share);
    condition.mask = methods::width_mask(groups, share, lanes);
    result.conditions.push_back(condition);
  }
  return result;
}

std::vector<methods::LayerLatency> fitted_costs(const std::vector<LayerPoint>& points) {
  std::vector<std::string> order;
  std::map<std::string, std::vector<LayerPoint>> by_layer;
  for (const LayerPoint& point : points) {
    if (by_layer.count(point.layer) == 0) order.push_back(point.layer);
    by_layer[point.layer].push_back(point);
  }
  std::vector<methods::LayerLatency> costs;
  for (const std::string& layer : order) {
    const std::vector<LayerPoint>& of_layer = by_layer.at(layer);
    const auto count = static_cast<double>(of_layer.size());
    double x = 0, y = 0, xx = 0, xy = 0, slowest = 0;
    for (const LayerPoint& p : of_layer) {
      x += p.mmac, y += p.ms, xx += p.mmac * p.mmac, xy += p.mmac * p.ms;
      slowest = std::max(slowest, p.ms);
    }
    const double spread = xx - x * x / count;
    double slope = spread > 1e-12 * xx && xx > 0 ? std::max((xy - x * y / count) / spread, 0.0) : 0.0;
    double fixed = (y - slope * x) / count;
    if (fixed < 0) fixed = 0, slope = xy / xx;
    // What no multiply-accumulate explains takes as long as the widest: a budget is not overdrawn by it.
    if (slope == 0) fixed = slowest;
    costs.push_back({layer, fixed, slope});
  }
  return costs;
}

std::vector<LayerPoint> points_of(const package::Package& package, const Json& answers, const std::string& runner) {
  std::vector<LayerPoint> points;
  for (std::size_t k = 0; k < package.conditions.size(); ++k) {
    const graph::Graph shrunk = graph::shrink(package.graph, package.conditions[k].mask);
    const std::vector<graph::Cost> costs = graph::node_costs(shrunk);
    const Json answer = k < answers.size() ? answers[k] : Json();
    if (!answer.is_object() || !answer.value("layers", Json()).is_array() || answer["layers"].empty())
      throw core::Error(core::ExitCode::usage, "runner " + runner, "does not tell what single layers cost",
                        "name a runner that does: cpu, cuda, z7020, or one whose state has \"measured\"");
    for (const Json& layer : answer["layers"]) {
      const std::string name = layer.at("name");
      const int node = shrunk.find(name);
      points.push_back({name, node < 0 ? 0.0 : static_cast<double>(costs[static_cast<std::size_t>(node)].macs) / 1e6,
                        layer.at("ms").get<double>()});
    }
  }
  return points;
}

Json ask_layer_costs(host::Session& session, const host::Device& device, const std::string& runner,
                     const package::Package& package, const CostsRequest& request) {
  const package::Package placed = with_shares(package, request.shares, request.lanes);
  const Json answers = answers_of(session, device, placed, request.prepare, request.runs);
  const std::vector<LayerPoint> points = points_of(placed, answers, runner);
  methods::LatencyBudget costs;
  costs.runner = runner;
  costs.evidence = device.evidence;
  costs.layers = fitted_costs(points);
  costs.mmac = static_cast<double>(graph::cost(placed.graph).macs) / 1e6;

  Json check = Json::array();
  std::size_t at = 0;
  for (std::size_t k = 0; k < placed.conditions.size(); ++k) {
    double asked = 0, predicted = costs.fixed_ms(), mmac = 0;
    for (const std::size_t end = at + answers[k].at("layers").size(); at < end; ++at) {
      const auto layer = std::find_if(costs.layers.begin(), costs.layers.end(),
                                      [&](const auto& cost) { return cost.layer == points[at].layer; });
      asked += points[at].ms;
      mmac += points[at].mmac;
      predicted += layer->ms_per_mmac * points[at].mmac;
    }
    check.push_back({{"share", request.shares[k]}, {"mmac", mmac}, {"asked_ms", asked}, {"predicted_ms", predicted}});
  }
  Json document = methods::layer_costs_json(costs);
  document.update({{"device", device.name},
                   {"format", package::to_string(package.format)},
                   {"options", request.prepare},
                   {"check", check}});
  return document;
}

}  // namespace automask::harness
