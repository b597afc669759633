#include "hw_targets/compiler/exchange.h"

#include <algorithm>
#include <cmath>

#include "core/json.h"
#include "models/model_file.h"
#include "models/preprocessing.h"

namespace automask::compiler {
namespace {

using graph::Op;
using package::Requantisation;

// An affine's weight, of 7 bits: its bias then loses nothing that its input's steps could show.
constexpr int affine_weight = 64;

std::map<std::string, std::string> metadata_of(const package::Package& package, int condition) {
  const auto interpolation = package.input_bicubic ? models::Interpolation::bicubic : models::Interpolation::bilinear;
  const models::Preprocessing preprocessing{
      package.graph.input, {package.input_resize, interpolation}, {package.input_mean, package.input_deviation}};
  return {{models::preprocessing_key, to_json(preprocessing).dump()},
          {"automask.condition", package.conditions.at(static_cast<std::size_t>(condition)).name},
          {"automask.classes", core::Json(package.classes).dump(-1, ' ', false, core::Json::error_handler_t::replace)}};
}

// y = (acc + bias) * multiplier / 2^shift, in steps of `out`, as weights whose steps are worth that factor. `unit`:
// what the integer arithmetic's accumulator is of the sum of weight x value.
models::QuantisedModel::Layer layer_of(const std::vector<std::int8_t>& weight, const std::vector<Requantisation>& list,
                                       double in, double out, double unit) {
  models::QuantisedModel::Layer layer;
  layer.weight = weight;
  const std::size_t row = weight.size() / list.size();
  for (std::size_t o = 0; o < list.size(); ++o) {
    const Requantisation& r = list[o];
    const auto first = layer.weight.begin() + static_cast<std::ptrdiff_t>(o * row);
    if (r.multiplier == 0) {  // always 0, and a scale must be above 0
      std::fill(first, first + static_cast<std::ptrdiff_t>(row), std::int8_t{0});
      layer.weight_scale.push_back(1);
      layer.bias.push_back(0);
      continue;
    }
    if (r.multiplier < 0)
      std::transform(first, first + static_cast<std::ptrdiff_t>(row), first,
                     [](std::int8_t w) { return static_cast<std::int8_t>(-w); });
    const double factor = std::ldexp(std::abs(static_cast<double>(r.multiplier)), -r.shift);
    layer.weight_scale.push_back(static_cast<float>(factor * unit * out / in));
    const double bias = std::round(r.bias / unit);
    layer.bias.push_back(static_cast<std::int32_t>(r.multiplier < 0 ? -bias : bias));
  }
  return layer;
}

}  // namespace

models::OnnxModel onnx_model(const package::Package& package, int condition) {
  package::PlainNetwork plain = package::materialise(package, condition);
  models::OnnxModel model;
  model.graph = std::move(plain.graph);
  model.weights = std::move(plain.weights);
  model.metadata = metadata_of(package, condition);
  return model;
}

models::QuantisedModel onnx_qdq_model(const package::Package& package, int condition) {
  const package::IntegerNetwork network = package::materialise_integers(package, condition);
  models::QuantisedModel model;
  model.graph = network.graph;
  model.scale = network.integers.scale;
  model.output = package::output_node(network.graph);
  model.metadata = metadata_of(package, condition);
  for (std::size_t i = 0; i < network.graph.nodes.size(); ++i) {
    const graph::Node& node = network.graph.nodes[i];
    const auto found = network.integers.of_node.find(node.name);
    if (found == network.integers.of_node.end()) continue;
    const std::vector<Requantisation>& list = found->second;
    const double in = node.inputs.empty() ? 1 : model.scale.at(static_cast<std::size_t>(node.inputs[0]));
    const double out = model.scale.at(i);
    if (node.op == Op::conv2d || node.op == Op::linear) {
      model.layers[node.name] = layer_of(network.weights.at(node.name), list, in, out, 1);
    } else if (node.op == Op::affine) {
      const std::vector<std::int8_t> weight(list.size(), affine_weight);
      constexpr double unit = double{1 << package::affine_fraction_bits} / affine_weight;
      model.layers[node.name] = layer_of(weight, list, in, out, unit);
    } else if (node.op == Op::relu6) {
      model.six[node.name] = static_cast<std::int8_t>(list.at(0).bias);
    }
  }
  return model;
}

}  // namespace automask::compiler
