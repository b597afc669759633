#include "methods/masks/latency.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "graph/cost.h"
#include "graph/structure.h"

namespace automask::methods {
namespace {

[[noreturn]] void stranger(const graph::Graph& graph, const std::string& what) {
  throw core::Error(core::ExitCode::steps_failed, "latency_budget", what + " of " + graph.name,
                    "ask the runner for the costs of this network: automask runners costs");
}

}  // namespace

double LatencyBudget::fixed_ms() const {
  double sum = 0;
  for (const LayerLatency& layer : layers) sum += layer.fixed_ms;
  return sum;
}

std::vector<std::int64_t> LatencyBudget::prices(const graph::Graph& graph) const {
  const double size = double(graph::cost(graph).macs) / 1e6;
  if (mmac > 0 && std::abs(mmac / size - 1) > 1e-3)
    stranger(graph, "the costs are of a network of " + core::Json(mmac).dump() +
                        " million multiply-accumulates, not of the " + core::Json(size).dump());
  std::vector<std::int64_t> prices(graph.nodes.size(), -1);
  for (const LayerLatency& layer : layers) {
    const int node = graph.find(layer.layer);
    const bool known = node >= 0 && graph::has_weights(graph.nodes[static_cast<std::size_t>(node)].op);
    if (layer.ms_per_mmac > 0 && !known) stranger(graph, "the costs name \"" + layer.layer + "\", which is no layer");
    if (known) prices[static_cast<std::size_t>(node)] = std::llround(layer.ms_per_mmac / 1e6 * femtoseconds_per_ms);
  }
  for (std::size_t i = 0; i < prices.size(); ++i) {
    if (prices[i] >= 0) continue;
    if (graph::has_weights(graph.nodes[i].op))
      stranger(graph, "there are no costs for the layer \"" + graph.nodes[i].name + "\"");
    prices[i] = 0;
  }
  return prices;
}

double LatencyBudget::predicted_ms(const graph::Graph& graph, const graph::ChannelGroups& groups,
                                   const graph::Mask& mask) const {
  const graph::MaskedCost cost(graph, groups, prices(graph));
  return fixed_ms() + double(cost(graph::kept_counts(mask)).macs) / femtoseconds_per_ms;
}

void read_layer_costs(const core::JsonCursor& cursor, LatencyBudget& budget) {
  if (!cursor.value().is_object() || !cursor.has("layers") || !cursor.value()["layers"].is_array())
    cursor.fail("is no file of layer costs", "give what `automask runners costs` wrote");
  if (cursor.has("schema_version") && cursor.at("schema_version").value() != 1)
    cursor.at("schema_version").fail("must be 1", "write it anew with `automask runners costs`");
  budget.runner = cursor.has("runner") ? cursor.at("runner").string() : "";
  budget.evidence = cursor.has("evidence") ? cursor.at("evidence").string() : "";
  budget.mmac = cursor.has("mmac") ? cursor.at("mmac").number_in(0, 1e9) : 0;
  budget.layers.clear();
  const core::JsonCursor layers = cursor.at("layers");
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const core::JsonCursor layer = layers.at(i);
    budget.layers.push_back(
        {layer.at("name").string(), layer.at("fixed_ms").number_in(0, 1e9), layer.at("ms_per_mmac").number_in(0, 1e6)});
  }
  if (budget.layers.empty()) layers.fail("is empty", "give what `automask runners costs` wrote");
}

core::Json layer_costs_json(const LatencyBudget& budget) {
  core::Json layers = core::Json::array();
  for (const LayerLatency& layer : budget.layers)
    layers.push_back({{"name", layer.layer}, {"fixed_ms", layer.fixed_ms}, {"ms_per_mmac", layer.ms_per_mmac}});
  return {{"schema_version", 1},         {"kind", "layer_costs"}, {"runner", budget.runner},
          {"evidence", budget.evidence}, {"mmac", budget.mmac},   {"layers", layers}};
}

}  // namespace automask::methods
