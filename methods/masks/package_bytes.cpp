#include "methods/masks/package_bytes.h"

#include <algorithm>

#include "graph/structure.h"
#include "graph/union.h"
#include "hw_targets/package/layout.h"
#include "hw_targets/package/package.h"

namespace automask::methods {
namespace {

using graph::Op;

package::EstimatorLayer layer_of(std::size_t outputs, std::size_t inputs) {
  package::EstimatorLayer layer;
  layer.weights.resize(outputs * inputs);
  layer.requantisation.resize(outputs);
  return layer;
}

package::Estimator estimator_of(const EstimatorOptions& options, std::size_t sets) {
  package::Estimator estimator;
  const auto hidden = static_cast<std::size_t>(options.hidden);
  estimator.input.resize(package::statistic_count);
  estimator.hidden = layer_of(hidden, package::statistic_count);
  estimator.output = layer_of(sets, hidden);
  estimator.margin = options.margin > 0 ? 2 * package::most_output : 0;
  estimator.frames = options.hysteresis_frames;
  return estimator;
}

graph::Tensor zeros(const std::vector<std::int64_t>& shape) {
  std::int64_t count = 1;
  for (const std::int64_t side : shape) count *= side;
  return {shape, std::vector<float>(static_cast<std::size_t>(count))};
}

}  // namespace

std::int64_t package_bytes(const PackagePlan& plan, const std::vector<graph::Mask>& masks) {
  package::Package package;
  const graph::Mask kept = graph::united(masks);
  package.graph = graph::shrink(plan.graph, kept);
  for (graph::Node& node : package.graph.nodes)
    if (node.op == Op::batch_norm) node.op = Op::affine, node.attributes = {};
  package.format = package::Format::int8;
  package.private_stem = plan.private_stem;
  for (const auto& [name, shape] : package::stored_weights(package)) package.weights[name] = zeros(shape);
  const package::PrivateStem stem = package::private_stem(package);
  const std::vector<graph::Shape> shapes = graph::infer_shapes(package.graph);
  for (std::size_t i = 0; i < shapes.size(); ++i)
    if (graph::has_weights(package.graph.nodes[i].op) && stem.count(package.graph.nodes[i].name) == 0)
      package.weight_scale[package.graph.nodes[i].name].assign(static_cast<std::size_t>(shapes[i].channels), 1.0F);
  const std::vector<graph::Mask> small = graph::masks_within(plan.graph, kept, masks);
  for (std::size_t k = 0; k < masks.size(); ++k) {
    package::Condition condition;
    condition.name = plan.set_names.at(k);
    condition.mask = small[k];
    for (const auto& [node, shape] : stem) {
      condition.weights[node + ".weight"] = zeros(shape);
      condition.weight_scale[node].assign(static_cast<std::size_t>(shape[0]), 1.0F);
    }
    condition.integers.scale.assign(package.graph.nodes.size(), 1.0F);
    for (const package::Requantised& entry : package::requantised_nodes(package.graph))
      condition.integers.of_node[package.graph.nodes[static_cast<std::size_t>(entry.node)].name].resize(entry.count);
    // Equal normalisations would be stored once.
    for (auto& [node, entries] : condition.integers.of_node)
      if (package.weight_scale.count(node) + stem.count(node) != 0)
        for (package::Requantisation& entry : entries) entry.bias = static_cast<std::int32_t>(k);
    package.conditions.push_back(std::move(condition));
  }
  package.input_table.resize(256 * static_cast<std::size_t>(package.graph.input.channels));
  package.input_mean = plan.scaling.mean;
  package.input_deviation = plan.scaling.deviation;
  package.input_resize = plan.resizing.resize;
  package.input_bicubic = plan.resizing.interpolation == models::Interpolation::bicubic;
  package.classes = plan.classes;
  package.provenance = plan.record;
  if (plan.estimator) package.estimator = estimator_of(plan.estimator_options, masks.size());
  return static_cast<std::int64_t>(package::encode(package).size());
}

std::int64_t estimator_bytes(const package::Estimator& estimator) {
  if (estimator.empty()) return 0;
  constexpr std::int64_t requantisation = 4 + 2 + 1, margin_and_fallback = 4 + 4;  // bias, multiplier, shift
  const auto layer = [](const package::EstimatorLayer& l) {
    return static_cast<std::int64_t>(l.weights.size()) +
           requantisation * static_cast<std::int64_t>(l.requantisation.size());
  };
  return requantisation * static_cast<std::int64_t>(estimator.input.size()) + layer(estimator.hidden) +
         layer(estimator.output) + margin_and_fallback;
}

std::int64_t bytes_of_all(const MethodSpec& spec, std::size_t conditions, std::int64_t each) {
  const std::int64_t chooser = conditions > 1 ? estimator_bytes(estimator_of(spec.estimator, conditions)) : 0;
  return static_cast<std::int64_t>(conditions) * each + chooser;
}

std::int64_t bytes_of_member(const MethodSpec& spec, std::size_t conditions) {
  const std::int64_t rest = spec.byte_budget - bytes_of_all(spec, conditions, 0);
  return std::max<std::int64_t>(rest / static_cast<std::int64_t>(conditions), 1);
}

}  // namespace automask::methods
