#include "methods/training/fake_quantiser.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "hw_targets/package/ranges.h"

namespace automask::methods {
namespace {

using graph::Op;
using package::Requantisation;

constexpr int bins = 4096;

// The nearest whole number within [-most, most]; halves away from 0 for weights, up for values. Gradients pass where
// nothing is clamped.
struct Rounding : torch::autograd::Function<Rounding> {
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& x, double most,
                               bool up) {
    context->save_for_backward({x.abs() <= most + 0.5});
    const torch::Tensor rounded = up ? (x + 0.5).floor_() : x.sign() * (x.abs() + 0.5).floor_();
    return rounded.clamp(-most, most);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    return {gradients[0] * context->get_saved_variables()[0], {}, {}};
  }
};

torch::Tensor rounded(const torch::Tensor& x, double most, bool up = true) { return Rounding::apply(x, most, up); }

torch::Tensor per_channel(const torch::Tensor& t) { return t.view({1, -1, 1, 1}); }

double factor_of(const Requantisation& r) { return std::ldexp(r.multiplier, -r.shift); }

// Per channel: factor and offset as the integers hold them, gradients as if nothing were rounded. `unit`: the factor's
// accumulator counts so many of ours.
struct Line {
  torch::Tensor factor, offset;
};
Line requantised_line(const Line& real, double unit) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor factors = real.factor.detach().to(torch::kDouble).contiguous(),
                      offsets = real.offset.detach().to(torch::kDouble).contiguous();
  Line exact{torch::empty_like(factors), torch::empty_like(offsets)};
  for (std::int64_t c = 0; c < factors.numel(); ++c) {
    const Requantisation r =
        package::requantisation_of(factors.data_ptr<double>()[c] / unit, offsets.data_ptr<double>()[c]);
    exact.factor.data_ptr<double>()[c] = factor_of(r) * unit;
    exact.offset.data_ptr<double>()[c] = r.bias * factor_of(r);
  }
  return exact;
}
Line straight_through(const Line& real, double unit) {
  const Line exact = requantised_line(real, unit);
  return {real.factor + (exact.factor.to(torch::kFloat) - real.factor.detach()),
          real.offset + (exact.offset.to(torch::kFloat) - real.offset.detach())};
}

// How many values each window of an avg_pool averages, [1, 1, H, W]: graph.h says which.
torch::Tensor window_counts(const graph::Attributes& a, const graph::Shape& out, const graph::Shape& in) {
  torch::Tensor counts = torch::empty({1, 1, out.height, out.width});
  const auto length = [&a](int index, int stride, int kernel, int before, int after, int size) {
    const int start = index * stride - before, end = std::min(start + kernel, size + after);
    return a.count_include_pad ? end - start : std::min(end, size) - std::max(start, 0);
  };
  for (int y = 0; y < out.height; ++y)
    for (int x = 0; x < out.width; ++x)
      counts.data_ptr<float>()[y * out.width + x] =
          static_cast<float>(length(y, a.stride_h, a.kernel_h, a.pad_top, a.pad_bottom, in.height) *
                             length(x, a.stride_w, a.kernel_w, a.pad_left, a.pad_right, in.width));
  return counts;
}

torch::Tensor reciprocals_of(const torch::Tensor& counts) {
  torch::Tensor result = torch::empty_like(counts);
  for (std::int64_t i = 0; i < counts.numel(); ++i)
    result.data_ptr<float>()[i] =
        static_cast<float>(factor_of(package::reciprocal(static_cast<std::int32_t>(counts.data_ptr<float>()[i]))));
  return result;
}

graph::Graph with_affines(graph::Graph graph) {
  for (graph::Node& node : graph.nodes)
    if (node.op == Op::batch_norm) {
      node.op = Op::affine;
      node.attributes = {};
    }
  return graph;
}

bool is_layer(const graph::Node& node) { return node.op == Op::conv2d || node.op == Op::linear; }

}  // namespace

FakeQuantiser::FakeQuantiser(models::Network& network, const models::InputScaling& scaling)
    : network_(network),
      graph_(with_affines(network.graph())),
      shapes_(graph::infer_shapes(graph_)),
      folded_(package::folded_into(graph_)),
      last_of_(graph_.nodes.size(), -1),
      classes_(package::scale_classes(graph_)),
      counts_(package::ranges_that_count(graph_)),
      output_(package::output_node(graph_)),
      input_range_(package::input_range(scaling.mean, scaling.deviation)) {
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
    if (is_layer(graph_.nodes[i])) last_of_[i] = static_cast<int>(i);
    if (folded_[i] >= 0) last_of_[static_cast<std::size_t>(folded_[i])] = static_cast<int>(i);
  }
}

FakeQuantiser::~FakeQuantiser() { detach(); }

bool FakeQuantiser::stored(int node) const {
  const auto at = static_cast<std::size_t>(node);
  if (folded_[at] >= 0) return last_of_[static_cast<std::size_t>(folded_[at])] == node;
  return last_of_[at] < 0 || last_of_[at] == node;
}

std::string FakeQuantiser::name_in_package(int node) const {
  const auto at = static_cast<std::size_t>(node);
  return graph_.nodes[folded_[at] >= 0 ? static_cast<std::size_t>(folded_[at]) : at].name;
}

void FakeQuantiser::calibrate(const std::vector<Input>& inputs) {
  const torch::NoGradGuard no_grad;
  const auto sets = static_cast<std::size_t>(network_.conditions());
  const std::size_t nodes = graph_.nodes.size();
  std::vector<std::vector<double>> largest(sets, std::vector<double>(nodes, 0));
  std::vector<std::vector<std::vector<double>>> histograms(sets, std::vector<std::vector<double>>(nodes));
  std::vector<bool> seen(sets);
  network_.eval();
  const auto counted = [&](int node) { return counts_[static_cast<std::size_t>(node)] && stored(node); };
  network_.observe([&](int node, const torch::Tensor& value) {
    if (counted(node)) {
      double& most = largest[static_cast<std::size_t>(network_.executing())][class_of(node)];
      most = std::max(most, value.abs().max().item<double>());
    }
    return value;
  });
  for (const Input& input : inputs) {
    network_.forward(input.x, input.set);
    seen[static_cast<std::size_t>(input.set)] = true;
  }
  network_.observe([&](int node, const torch::Tensor& value) {
    const auto set = static_cast<std::size_t>(network_.executing());
    const double most = largest[set][class_of(node)];
    if (!counted(node) || most == 0) return value;
    const torch::Tensor histogram = value.abs().to(torch::kFloat).histc(bins, 0, most).to(torch::kDouble).contiguous();
    std::vector<double>& sum = histograms[set][class_of(node)];
    sum.resize(bins, 0);
    for (int i = 0; i < bins; ++i) sum[static_cast<std::size_t>(i)] += histogram.data_ptr<double>()[i];
    return value;
  });
  for (const Input& input : inputs) network_.forward(input.x, input.set);
  network_.observe({});

  ranges_.assign(sets, std::vector<double>(nodes, 1));
  double of_input = input_range_;
  for (std::size_t k = 0; k < sets; ++k) {
    if (!seen[k])
      throw core::Error(core::ExitCode::internal, "quantisation-aware fine-tuning",
                        "a set has no pictures to calibrate on");
    for (std::size_t c = 0; c < nodes; ++c)
      if (!histograms[k][c].empty()) ranges_[k][c] = package::least_error_range(histograms[k][c], largest[k][c]);
    if (package::most_of_node(graph_, output_) == package::most_output)
      ranges_[k][class_of(static_cast<int>(output_))] =
          std::max(largest[k][class_of(static_cast<int>(output_))], 1e-6) * package::output_margin;
    of_input = std::max(of_input, ranges_[k][class_of(0)]);
  }
  for (auto& of_set : ranges_) of_set[class_of(0)] = of_input;  // one table for all
}

FakeQuantiser::Ranges FakeQuantiser::ranges() const {
  Ranges all;
  for (const auto& of_set : ranges_) {
    all.emplace_back();
    for (int i = 0; i < static_cast<int>(graph_.nodes.size()); ++i)
      if (stored(i)) all.back()[name_in_package(i)] = of_set[class_of(i)];
  }
  return all;
}

void FakeQuantiser::set_ranges(const Ranges& ranges) {
  ranges_.assign(ranges.size(), std::vector<double>(graph_.nodes.size(), 1));
  for (std::size_t k = 0; k < ranges.size(); ++k)
    for (int i = 0; i < static_cast<int>(graph_.nodes.size()); ++i)
      if (stored(i)) ranges_[k][class_of(i)] = ranges[k].at(name_in_package(i));
}

double FakeQuantiser::most(int node) const { return package::most_of_node(graph_, static_cast<std::size_t>(node)); }

double FakeQuantiser::step(int node) const {
  const bool wide = class_of(node) == class_of(static_cast<int>(output_)) &&
                    package::most_of_node(graph_, output_) == package::most_output;
  // As the package's scales: FP32.
  return static_cast<float>(ranges_[static_cast<std::size_t>(network_.executing())][class_of(node)] /
                            (wide ? package::most_output : package::most_value));
}

void FakeQuantiser::attach() {
  network_.observe_weights([this](int node, const torch::Tensor& weight) { return quantised_weight(node, weight); });
  network_.observe([this](int node, const torch::Tensor& value) { return value_of(node, value); });
}

void FakeQuantiser::detach() {
  network_.observe_weights({});
  network_.observe({});
  steps_.clear(), values_.clear(), accumulators_.clear();
}

// Whole numbers; what each is worth is kept for the layer's factor.
torch::Tensor FakeQuantiser::quantised_weight(int node, const torch::Tensor& weight) {
  const torch::Tensor flat = weight.detach().flatten(1);
  torch::Tensor worth = flat.abs().amax(1) / static_cast<float>(package::most_value);
  worth = at::where(worth > 0, worth, torch::ones_like(worth));
  weight_steps_.resize(graph_.nodes.size());
  weight_steps_[static_cast<std::size_t>(node)] = worth;
  std::vector<std::int64_t> shape(static_cast<std::size_t>(weight.dim()), 1);
  shape[0] = -1;
  return rounded(weight / worth.view(shape), package::most_value, false);
}

torch::Tensor FakeQuantiser::on_steps(int node) {
  torch::Tensor& steps = steps_[static_cast<std::size_t>(node)];
  if (!steps.defined()) steps = values_[static_cast<std::size_t>(node)] / step(node);
  return steps;
}

// The layer's accumulator through its requantisation, with what folds into it.
torch::Tensor FakeQuantiser::layer(int node, int layer_node) {
  const int set = network_.executing();
  const auto at = static_cast<std::size_t>(layer_node);
  const int input = graph_.nodes[at].inputs[0];
  const torch::Tensor& worth = weight_steps_[at];
  const torch::Tensor own_bias = network_.tensors_of(layer_node, set).bias;
  torch::Tensor gain = torch::ones_like(worth), offset = own_bias.defined() ? own_bias : torch::zeros_like(worth);
  for (int i = layer_node + 1; i <= node; ++i) {
    if (folded_[static_cast<std::size_t>(i)] != layer_node) continue;
    const models::Network::NodeTensors n = network_.tensors_of(i, set);
    torch::Tensor scale = n.weight, shift = n.bias;
    if (n.running_var.defined()) {
      scale = n.weight / (n.running_var + network_.graph().nodes[static_cast<std::size_t>(i)].attributes.eps).sqrt();
      shift = n.bias - n.running_mean * scale;
    }
    gain = gain * scale;
    offset = offset * scale + shift;
  }
  const Line line = straight_through({gain * worth * (step(input) / step(node)), offset / step(node)}, 1);
  return accumulators_[at] * per_channel(line.factor) + per_channel(line.offset);
}

torch::Tensor FakeQuantiser::value_of(int node, const torch::Tensor& value) {
  const auto at = static_cast<std::size_t>(node);
  const graph::Node& what = graph_.nodes[at];
  const int set = network_.executing();
  const graph::Shape input_shape =
      what.inputs.empty() ? graph::Shape() : shapes_[static_cast<std::size_t>(what.inputs[0])];
  if (node == 0) {
    steps_.assign(graph_.nodes.size(), {});
    values_ = accumulators_ = steps_;
  }
  torch::Tensor z;
  if (is_layer(what)) {
    // The weights were whole numbers, the input was a multiple of its step.
    const torch::Tensor bias = network_.tensors_of(node, set).bias;
    const torch::Tensor sums = (bias.defined() ? value - per_channel(bias) : value) / step(what.inputs[0]);
    accumulators_[at] = sums + (sums.detach().round() - sums.detach());  // whole again
    if (!stored(node)) return value;
    z = layer(node, node);
  } else if (folded_[at] >= 0) {
    if (!stored(node)) return value;
    z = layer(node, folded_[at]);
  } else {
    switch (what.op) {
      case Op::input:
        z = value / step(node);
        break;
      case Op::affine: {
        const models::Network::NodeTensors n = network_.tensors_of(node, set);
        torch::Tensor scale = n.weight, shift = n.bias;
        if (n.running_var.defined()) {
          scale = n.weight / (n.running_var + network_.graph().nodes[at].attributes.eps).sqrt();
          shift = n.bias - n.running_mean * scale;
        }
        const Line line = straight_through({scale * (step(what.inputs[0]) / step(node)), shift / step(node)},
                                           1 << package::affine_fraction_bits);
        z = on_steps(what.inputs[0]) * per_channel(line.factor) + per_channel(line.offset);
        break;
      }
      case Op::add: {
        std::vector<double> in;
        for (const int input : what.inputs) in.push_back(step(input));
        const std::vector<Requantisation> summands = package::summands_of(in, step(node));
        for (std::size_t i = 0; i < in.size(); ++i) {
          const torch::Tensor part = on_steps(what.inputs[i]) * factor_of(summands[i]);
          z = z.defined() ? z + part : part;
        }
        break;
      }
      case Op::global_avg_pool: {
        const graph::Shape& shape = shapes_[static_cast<std::size_t>(what.inputs[0])];
        const double factor =
            factor_of(package::requantisation_of(step(what.inputs[0]) / (step(node) * shape.height * shape.width)));
        z = on_steps(what.inputs[0]).sum(at::IntArrayRef({2, 3}), true) * factor;
        break;
      }
      case Op::avg_pool: {
        // Halves are common among means of whole numbers, and which way they go hangs on the factor.
        const torch::Tensor real = value / step(node),
                            counts = window_counts(what.attributes, shapes_[at], input_shape);
        const torch::Tensor exact = (real.detach() * counts).round() * reciprocals_of(counts);
        z = real + (exact - real.detach());
        break;
      }
      case Op::relu6:
        z = value / step(node);
        break;
      case Op::softmax:  // the loss and the largest want what goes in
        return values_[at] = values_[static_cast<std::size_t>(what.inputs[0])];
      default:  // what moves values and changes none
        return values_[at] = value;
    }
  }
  torch::Tensor steps = rounded(z, most(node));
  if (is_layer(what) || folded_[at] >= 0 || what.op == Op::affine) {
    const auto kept = graph::channel_mask(network_.groups(), node, network_.mask(set));
    if (std::find(kept.begin(), kept.end(), std::uint8_t{0}) != kept.end()) {
      torch::Tensor flags = torch::empty({static_cast<std::int64_t>(kept.size())});
      for (std::size_t c = 0; c < kept.size(); ++c) flags.data_ptr<float>()[c] = kept[c] != 0 ? 1.0F : 0.0F;
      steps = steps * per_channel(flags);
    }
  }
  steps_[at] = steps;
  values_[at] = steps * step(node);
  return values_[at];
}

}  // namespace automask::methods
