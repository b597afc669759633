#include "hw_targets/compiler/quantise.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"
#include "hw_targets/compiler/plain_network.h"
#include "hw_targets/package/container.h"
#include "hw_targets/package/layout.h"
#include "hw_targets/package/ranges.h"
#include "models/network.h"

namespace automask::compiler {
namespace {

using graph::Op;
using package::Requantisation;

constexpr int bins = 4096;
constexpr int batch_size = 50;

[[noreturn]] void refuse(const std::string& place, const std::string& problem, const std::string& remedy) {
  throw core::Error(core::ExitCode::usage, "quantisation: " + place, problem, remedy);
}
[[noreturn]] void fail(const std::string& place, const std::string& problem) {
  throw core::Error(core::ExitCode::steps_failed, "quantisation: " + place, problem,
                    "look at the checkpoint's training, or take FP32");
}

// One condition's network and, per class of scales, what calibration found.
struct Calibrated {
  package::PlainNetwork plain;
  std::vector<int> classes;   // per node of the plain graph
  std::vector<double> range;  // per class (by its root)
};

void forward_all(models::Network& network, const package::Package& package, const CalibrationPictures& pictures) {
  const graph::Shape in = package.graph.input;
  const std::size_t bytes = static_cast<std::size_t>(in.height * in.width * in.channels);
  const torch::InferenceMode guard;
  for (int first = 0; first < pictures.count; first += batch_size) {
    const int size = std::min(batch_size, pictures.count - first);
    const torch::Tensor batch =
        torch::from_blob(const_cast<std::uint8_t*>(pictures.pixels.data() + static_cast<std::size_t>(first) * bytes),
                         {size, in.height, in.width, in.channels}, torch::kByte);
    network.forward(models::to_input(batch, {package.input_mean, package.input_deviation}));
  }
}

Calibrated calibrate(const package::Package& package, int k, const CalibrationPictures& pictures,
                     const QuantisationOptions& options) {
  Calibrated result;
  result.plain = package::materialise(package, k);
  const graph::Graph& graph = result.plain.graph;
  result.classes = package::scale_classes(graph);
  const std::vector<bool> counts = package::ranges_that_count(graph);
  const std::size_t number = graph.nodes.size();
  models::Network network = plain_network(graph, result.plain.weights);

  // Twice over the pictures: the largest values, then how the others lie below them.
  std::vector<double> largest(number, 0);
  const auto class_of = [&](int node) {
    return static_cast<std::size_t>(result.classes[static_cast<std::size_t>(node)]);
  };
  network.observe([&](int node, const torch::Tensor& value) {
    if (counts[static_cast<std::size_t>(node)]) {
      const double most = value.abs().max().item<double>();
      if (!std::isfinite(most))
        fail("condition " + package.conditions[static_cast<std::size_t>(k)].name,
             "a value of node " + graph.nodes[static_cast<std::size_t>(node)].name + " is not a number");
      largest[class_of(node)] = std::max(largest[class_of(node)], most);
    }
    return value;
  });
  forward_all(network, package, pictures);
  std::vector<std::vector<double>> histograms(number);
  network.observe([&](int node, const torch::Tensor& value) {
    const double most = largest[class_of(node)];
    if (!counts[static_cast<std::size_t>(node)] || most == 0) return value;
    const torch::Tensor histogram = value.abs().to(torch::kFloat).histc(bins, 0, most).to(torch::kDouble).contiguous();
    std::vector<double>& sum = histograms[class_of(node)];
    sum.resize(bins, 0);
    for (int i = 0; i < bins; ++i) sum[static_cast<std::size_t>(i)] += histogram.data_ptr<double>()[i];
    return value;
  });
  forward_all(network, package, pictures);

  result.range.assign(number, 0);
  for (std::size_t c = 0; c < number; ++c)
    result.range[c] = histograms[c].empty() ? 1 : chosen_range(histograms[c], largest[c], options);
  const std::size_t output = package::output_node(graph);
  if (package::most_of_node(graph, output) == package::most_output) {
    double& range = result.range[class_of(static_cast<int>(output))];
    range = std::max(largest[class_of(static_cast<int>(output))], 1e-6) * package::output_margin;
  }
  // The input's table holds all 256 levels, whichever of them calibration saw.
  result.range[class_of(0)] =
      std::max(result.range[class_of(0)], package::input_range(package.input_mean, package.input_deviation));
  return result;
}

// What the weights were trained for, in the calibration's place.
Calibrated trained(const package::Package& package, std::size_t k, const std::map<std::string, double>& ranges) {
  Calibrated result;
  result.plain = package::materialise(package, static_cast<int>(k));
  const graph::Graph& graph = result.plain.graph;
  result.classes = package::scale_classes(graph);
  result.range.assign(graph.nodes.size(), 1);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const auto found = ranges.find(graph.nodes[i].name);
    if (found == ranges.end() || !(found->second > 0))
      fail("condition " + package.conditions[k].name, "the trained ranges lack node " + graph.nodes[i].name);
    result.range[static_cast<std::size_t>(result.classes[i])] = found->second;
  }
  return result;
}

// One scale for the input's class in all conditions, since they share its table.
void share_input_range(std::vector<Calibrated>& conditions) {
  double most = 0;
  for (const Calibrated& c : conditions) most = std::max(most, c.range[static_cast<std::size_t>(c.classes[0])]);
  for (Calibrated& c : conditions) c.range[static_cast<std::size_t>(c.classes[0])] = most;
}

std::vector<float> scales_of(const Calibrated& calibrated) {
  const graph::Graph& graph = calibrated.plain.graph;
  const std::size_t output = package::output_node(graph);
  std::vector<float> scales;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const bool wide = calibrated.classes[i] == calibrated.classes[output] &&
                      package::most_of_node(graph, output) == package::most_output;
    scales.push_back(static_cast<float>(calibrated.range[static_cast<std::size_t>(calibrated.classes[i])] /
                                        (wide ? package::most_output : package::most_value)));
  }
  return scales;
}

// y = factor * accumulator + offset, both in steps of the output.
Requantisation requantisation(double factor, double offset, const std::string& place) {
  try {
    return package::requantisation_of(factor, offset);
  } catch (const std::invalid_argument&) {
    fail(place, "a channel's factor is not below 32768");
  }
}

class Quantiser {
 public:
  Quantiser(const package::Package& real, package::Package& integers) : real_(real), integers_(integers) {
    folded_ = package::folded_into(real.graph);
    groups_ = graph::channel_groups(real.graph);
  }

  package::Integers condition(std::size_t k, const Calibrated& calibrated) const {
    const graph::Graph& plain = calibrated.plain.graph;
    const std::vector<float> scales = scales_of(calibrated);
    package::Integers result;
    for (const package::Requantised& entry : package::requantised_nodes(real_.graph)) {
      const graph::Node& node = real_.graph.nodes[static_cast<std::size_t>(entry.node)];
      const auto at = static_cast<std::size_t>(plain.find(node.name));
      std::vector<double> in;
      for (const int input : plain.nodes[at].inputs) in.push_back(scales[static_cast<std::size_t>(input)]);
      const double out = scales[at];
      std::vector<Requantisation>& list = result.of_node[node.name];
      switch (node.op) {
        case Op::conv2d:
        case Op::linear:
          list = layer(k, entry, calibrated, in[0], out);
          break;
        case Op::affine:
          list = affine(k, entry, in[0], out);
          break;
        case Op::add:
          list = package::summands_of(in, out);
          break;
        case Op::global_avg_pool: {
          const graph::Shape shape = graph::infer_shapes(plain)[static_cast<std::size_t>(plain.nodes[at].inputs[0])];
          list = {package::requantisation_of(in[0] / (out * shape.height * shape.width))};
          break;
        }
        default: {  // relu6
          Requantisation limit;
          limit.bias = static_cast<std::int32_t>(std::min(std::round(6 / out), double{package::most_value}));
          list = {limit};
        }
      }
    }
    // In the union's graph an affine that is folded has its layer's scale, and so has the layer.
    for (std::size_t i = 0; i < real_.graph.nodes.size(); ++i) {
      const int layer = folded_[i] < 0 ? static_cast<int>(i) : folded_[i];
      const int at = plain.find(real_.graph.nodes[static_cast<std::size_t>(layer)].name);
      result.scale.push_back(scales[static_cast<std::size_t>(at)]);
    }
    return result;
  }

 private:
  std::vector<std::uint8_t> kept(std::size_t k, int node) const {
    return graph::channel_mask(groups_, node, real_.conditions[k].mask);
  }

  std::vector<Requantisation> layer(std::size_t k, const package::Requantised& entry, const Calibrated& calibrated,
                                    double in, double out) const {
    const std::string& name = real_.graph.nodes[static_cast<std::size_t>(entry.node)].name;
    std::vector<double> gain(entry.count, 1);
    for (std::size_t i = 0; i < folded_.size(); ++i)
      if (folded_[i] == entry.node)
        for (std::size_t c = 0; c < gain.size(); ++c)
          gain[c] *= real_.conditions[k].scale.at(real_.graph.nodes[i].name)[c];
    const auto bias = calibrated.plain.weights.find(name + ".bias");
    const std::vector<std::uint8_t> of_mask = kept(k, entry.node);
    const std::vector<float>& weight_scale = package::weight_scale_of(integers_, k, name);
    std::vector<Requantisation> list(entry.count);
    for (std::size_t c = 0, position = 0; c < entry.count; ++c) {
      if (of_mask[c] == 0) continue;
      const double offset = bias == calibrated.plain.weights.end() ? 0 : bias->second.data[position];
      list[c] = requantisation(weight_scale[c] * gain[c] * in / out, offset / out, "node " + name);
      ++position;
    }
    return list;
  }

  std::vector<Requantisation> affine(std::size_t k, const package::Requantised& entry, double in, double out) const {
    const std::string& name = real_.graph.nodes[static_cast<std::size_t>(entry.node)].name;
    const package::Condition& condition = real_.conditions[k];
    const std::vector<std::uint8_t> of_mask = kept(k, entry.node);
    std::vector<Requantisation> list(entry.count);
    for (std::size_t c = 0; c < entry.count; ++c)
      if (of_mask[c] != 0)
        list[c] = requantisation(condition.scale.at(name)[c] * in / (out * (1 << package::affine_fraction_bits)),
                                 condition.bias.at(name)[c] / out, "node " + name);
    return list;
  }

  const package::Package& real_;
  package::Package& integers_;
  std::vector<int> folded_;
  graph::ChannelGroups groups_;
};

// Weights in steps of their output channel's largest; the steps' worth per channel.
std::vector<float> quantise_weight(graph::Tensor& weight, const std::string& node) {
  const std::size_t outputs = static_cast<std::size_t>(weight.shape[0]), row = weight.data.size() / outputs;
  std::vector<float> scales;
  for (std::size_t o = 0; o < outputs; ++o) {
    const auto first = weight.data.begin() + static_cast<std::ptrdiff_t>(o * row);
    float largest = 0;
    for (auto w = first; w != first + static_cast<std::ptrdiff_t>(row); ++w) {
      if (!std::isfinite(*w)) fail("node " + node, "a weight is not a number");
      largest = std::max(largest, std::abs(*w));
    }
    const float scale = largest > 0 ? largest / static_cast<float>(package::most_value) : 1.0F;
    scales.push_back(scale);
    for (auto w = first; w != first + static_cast<std::ptrdiff_t>(row); ++w)
      *w = std::clamp(std::round(*w / scale), -127.0F, 127.0F);
  }
  return scales;
}

// `integers` is a copy of the real package still.
void quantise_weights(package::Package& integers) {
  const auto node_of = [](const std::string& tensor) { return tensor.substr(0, tensor.rfind('.')); };
  for (auto item = integers.weights.begin(); item != integers.weights.end();) {
    const std::string node = node_of(item->first);
    const bool bias = item->first != node + ".weight";  // it becomes part of the requantisation
    if (!bias) integers.weight_scale[node] = quantise_weight(item->second, node);
    item = bias ? integers.weights.erase(item) : std::next(item);
  }
  const graph::ChannelGroups groups = graph::channel_groups(integers.graph);
  for (package::Condition& condition : integers.conditions)
    for (auto& [name, tensor] : condition.weights) {
      const std::string node = node_of(name);
      std::vector<float>& scales = condition.weight_scale[node] = quantise_weight(tensor, node);
      const auto kept = graph::channel_mask(groups, integers.graph.find(node), condition.mask);
      for (std::size_t c = 0; c < scales.size(); ++c)
        if (kept[c] == 0) scales[c] = 0;  // not stored
    }
}

std::vector<std::int8_t> input_table(const package::Package& package, double scale) {
  std::vector<std::int8_t> table;
  for (std::size_t c = 0; c < package.input_mean.size(); ++c)
    for (int level = 0; level < 256; ++level) {
      const double value = (level / 255.0 - package.input_mean[c]) / package.input_deviation[c];
      table.push_back(static_cast<std::int8_t>(std::clamp(std::round(value / scale), -127.0, 127.0)));
    }
  return table;
}

void check_arguments(const package::Package& package, const std::vector<CalibrationPictures>& pictures,
                     const QuantisationOptions& options) {
  if (package.format != package::Format::fp32)
    refuse("package", std::string("holds ") + package::to_string(package.format) + " weights",
           "quantise the FP32 package");
  if (!(options.percentile > 0 && options.percentile <= 100))
    refuse("percentile", "must lie in (0, 100]", "99.99 is the default");
  if (!options.ranges.empty() && options.ranges.size() != package.conditions.size())
    refuse("ranges",
           "there are ranges for " + std::to_string(options.ranges.size()) + " of " +
               std::to_string(package.conditions.size()) + " conditions",
           "give those of the checkpoint that the package was made from");
  if (!options.ranges.empty()) return;
  if (pictures.size() != package.conditions.size())
    refuse("pictures",
           "there are sets for " + std::to_string(pictures.size()) + " of " +
               std::to_string(package.conditions.size()) + " conditions",
           "give one set per condition");
  const graph::Shape in = package.graph.input;
  for (const CalibrationPictures& set : pictures)
    if (set.count < 1 || set.pixels.size() != static_cast<std::size_t>(set.count) *
                                                  static_cast<std::size_t>(in.height * in.width * in.channels))
      refuse("pictures",
             std::to_string(set.pixels.size()) + " bytes are not " + std::to_string(set.count) + " pictures of " +
                 std::to_string(in.height) + "x" + std::to_string(in.width) + "x" + std::to_string(in.channels),
             "give at least one picture of the network's input size");
}

}  // namespace

const char* to_string(RangeRule rule) {
  return rule == RangeRule::minmax ? "minmax" : rule == RangeRule::percentile ? "percentile" : "mse";
}

RangeRule parse_range_rule(const std::string& name) {
  for (const RangeRule rule : {RangeRule::minmax, RangeRule::percentile, RangeRule::mse})
    if (name == to_string(rule)) return rule;
  refuse("calibration", "there is no rule \"" + name + "\"", "take minmax, percentile or mse");
}

double chosen_range(const std::vector<double>& histogram, double largest, const QuantisationOptions& options) {
  const double width = largest / static_cast<double>(histogram.size());
  if (options.rule == RangeRule::minmax || largest == 0) return largest;
  if (options.rule == RangeRule::percentile) {
    const double total = std::accumulate(histogram.begin(), histogram.end(), 0.0);
    double below = 0;
    for (std::size_t i = 0; i < histogram.size(); ++i) {
      below += histogram[i];
      if (below >= total * options.percentile / 100) return width * static_cast<double>(i + 1);
    }
    return largest;
  }
  return package::least_error_range(histogram, largest);
}

package::Package quantise(const package::Package& package, const std::vector<CalibrationPictures>& pictures,
                          const QuantisationOptions& options) {
  check_arguments(package, pictures, options);
  const Threads threads(options.threads);
  package::Package result = package;
  result.format = package::Format::int8;
  quantise_weights(result);
  std::vector<Calibrated> calibrated;
  for (std::size_t k = 0; k < package.conditions.size(); ++k)
    calibrated.push_back(options.ranges.empty() ? calibrate(package, static_cast<int>(k), pictures[k], options)
                                                : trained(package, k, options.ranges[k]));
  share_input_range(calibrated);
  const Quantiser quantiser(package, result);
  for (std::size_t k = 0; k < package.conditions.size(); ++k) {
    result.conditions[k].integers = quantiser.condition(k, calibrated[k]);
    result.conditions[k].scale.clear();
    result.conditions[k].bias.clear();
  }
  result.input_table = input_table(package, result.conditions[0].integers.scale[0]);
  return result;
}

package::Package to_half(const package::Package& package) {
  if (package.format != package::Format::fp32)
    refuse("package", std::string("holds ") + package::to_string(package.format) + " weights",
           "start from the FP32 package");
  package::Package result = package;
  result.format = package::Format::fp16;
  const auto round_all = [](graph::TensorMap& weights) {
    for (auto& [name, tensor] : weights) {
      tensor.data = package::halves_to_floats(package::floats_to_halves(tensor.data));
      for (const float value : tensor.data)
        if (!std::isfinite(value)) fail("tensor " + name, "a weight is beyond what FP16 holds");
    }
  };
  round_all(result.weights);
  for (package::Condition& condition : result.conditions) round_all(condition.weights);
  return result;
}

}  // namespace automask::compiler
