#pragma once
// A budget of time on a device: what each layer costs there, as `automask runners costs` asked its runner. No LibTorch
// here.
#include <cstdint>
#include <string>
#include <vector>

#include "core/json.h"
#include "graph/graph.h"

namespace automask::methods {

// A layer takes fixed_ms + ms_per_mmac x (its multiply-accumulates / 1e6), both >= 0. Layers without
// multiply-accumulates (pooling, sums) take fixed_ms, though fewer channels would take less: a budget is met with that
// much room.
struct LayerLatency {
  std::string layer;  // a node's name
  double fixed_ms = 0, ms_per_mmac = 0;
};

inline constexpr double femtoseconds_per_ms = 1e12;

struct LatencyBudget {
  double ms = 0;                 // of one inference
  std::string target;            // of the experiment: who is asked before training for all below; empty: it is known
  std::string runner, evidence;  // whose costs, and whether measured or modelled
  double mmac = 0;               // of the network that they are of; 0: unknown
  std::vector<LayerLatency> layers;

  double fixed_ms() const;
  // Femtoseconds of a multiply-accumulate of each node, for graph::MaskedCost. Error(steps_failed) where a convolution
  // or linear layer has no costs, or costs are of a layer that is none of the
  // network's, or of a network of another size.
  std::vector<std::int64_t> prices(const graph::Graph& graph) const;
  double predicted_ms(const graph::Graph& graph, const graph::ChannelGroups& groups, const graph::Mask& mask) const;
};

// {"schema_version": 1, "kind": "layer_costs", "runner", "evidence", "mmac", "layers": [{"name", "fixed_ms",
// "ms_per_mmac"}]}; more keys may stand there.
void read_layer_costs(const core::JsonCursor& cursor, LatencyBudget& budget);
core::Json layer_costs_json(const LatencyBudget& budget);

}  // namespace automask::methods
