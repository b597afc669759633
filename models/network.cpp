#include "models/network.h"

#include <ATen/ATen.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <set>

#include "core/hash.h"
#include "core/philox.h"

namespace automask::models {
namespace {

using graph::Op;

// Modules on the way to a dotted name: register_parameter refuses dots.
class Folder : public torch::nn::Module {};

torch::nn::Module& module_at(torch::nn::Module& root, const std::string& path) {
  torch::nn::Module* module = &root;
  std::size_t begin = 0;
  while (begin <= path.size()) {
    const std::size_t end = std::min(path.find('.', begin), path.size());
    const std::string part = path.substr(begin, end - begin);
    std::shared_ptr<torch::nn::Module> next;
    for (const auto& child : module->named_children())
      if (child.key() == part) next = child.value();
    module = next ? next.get() : module->register_module(part, std::make_shared<Folder>()).get();
    begin = end + 1;
  }
  return *module;
}

// Each tensor has a stream of its own, keyed by its name: values don't depend on the order of nodes.
torch::Tensor initial_weight(const graph::Node& node, const std::vector<std::int64_t>& shape, std::uint64_t seed) {
  torch::Tensor weight = torch::empty(shape);
  core::RandomStream random(seed, core::hash64("init " + node.name + ".weight"));
  float* values = weight.data_ptr<float>();
  const std::int64_t count = weight.numel();
  if (node.op == Op::conv2d) {
    // He et al., "Delving Deep into Rectifiers", ICCV 2015, equation 14 (fan-out), as torchvision's ResNets.
    const double fan_out = double(shape[0]) / node.attributes.groups * shape[2] * shape[3];
    const double deviation = std::sqrt(2 / fan_out);
    for (std::int64_t i = 0; i < count; ++i) values[i] = static_cast<float>(random.normal() * deviation);
  } else {
    const double bound = 1 / std::sqrt(double(shape[1]));
    for (std::int64_t i = 0; i < count; ++i) values[i] = static_cast<float>((2 * random.uniform() - 1) * bound);
  }
  return weight;
}

struct Normalisation {
  torch::Tensor weight, bias, running_mean, running_var;  // the last two: batch_norm only

  std::vector<std::pair<const char*, torch::Tensor>> tensors() const {
    if (!running_mean.defined()) return {{".weight", weight}, {".bias", bias}};
    return {{".weight", weight}, {".bias", bias}, {".running_mean", running_mean}, {".running_var", running_var}};
  }
};

Normalisation register_normalisation(torch::nn::Module& module, std::int64_t channels, bool statistics) {
  Normalisation n{module.register_parameter("weight", torch::ones({channels})),
                  module.register_parameter("bias", torch::zeros({channels})),
                  {},
                  {}};
  if (!statistics) return n;
  n.running_mean = module.register_buffer("running_mean", torch::zeros({channels}));
  n.running_var = module.register_buffer("running_var", torch::ones({channels}));
  return n;
}

// Measured on AVX2 with LibTorch 1.13.1 and oneDNN 2.6.3, one training step: ResNet-18 at 224 takes 0.85 of the time in
// the plain layout (oneDNN's blocked kernels pay for their reorders), a CIFAR ResNet of width 16 or 32 takes 1.2
// to 1.25 times as long, MobileNetV2 1.2 to 1.5. Kept a function of the graph alone: the layout decides the order of
// sums.
torch::MemoryFormat fastest_format(const graph::Graph& graph, const std::vector<graph::Shape>& shapes) {
  constexpr int wide = 64;  // input channels
  const std::vector<graph::Cost> costs = graph::node_costs(graph);
  std::int64_t wide_macs = 0, macs = 0;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const graph::Node& node = graph.nodes[i];
    if (node.op != Op::conv2d) continue;
    if (node.attributes.groups > 1) return torch::MemoryFormat::ChannelsLast;
    macs += costs[i].macs;
    if (shapes[node.inputs[0]].channels >= wide) wide_macs += costs[i].macs;
  }
  return 2 * wide_macs > macs ? torch::MemoryFormat::Contiguous : torch::MemoryFormat::ChannelsLast;
}

torch::Tensor convolve(const torch::Tensor& input, const torch::Tensor& weight, const torch::Tensor& bias,
                       const graph::Attributes& a, torch::MemoryFormat format) {
  std::vector<std::int64_t> stride = {a.stride_h, a.stride_w}, padding = {a.pad_top, a.pad_left};
  torch::Tensor x = input;
  if (a.pad_top != a.pad_bottom || a.pad_left != a.pad_right) {
    x = at::constant_pad_nd(x, {a.pad_left, a.pad_right, a.pad_top, a.pad_bottom});
    padding = {0, 0};
  }
  // oneDNN writes past its workspace in the weight gradient of a strided 1x1 convolution (channels-last) with fewer
  // input channels than fill a vector: 8 with AVX2, 16 with AVX-512 (uxlfoundation/oneDNN issue 6035; seen with 2.6.3:
  // wrong sums and a corrupt heap). Such a convolution reads a grid of pixels, so picking them first is the same.
  if (at::GradMode::is_enabled() && weight.size(1) < 16 && weight.size(2) == 1 && weight.size(3) == 1 &&
      (a.stride_h > 1 || a.stride_w > 1)) {
    if (padding[0] + padding[1] > 0) x = at::constant_pad_nd(x, {padding[1], padding[1], padding[0], padding[0]});
    x = x.slice(2, 0, x.size(2), a.stride_h).slice(3, 0, x.size(3), a.stride_w);
    x = x.contiguous(format);
    stride = {1, 1};
    padding = {0, 0};
  }
  return at::conv2d(x, weight, bias, stride, padding, std::vector<std::int64_t>{a.dilation_h, a.dilation_w}, a.groups);
}

// LibTorch's pools take padding that is alike on both sides and at most half the kernel. Everything else is padded
// first: as much as the last window needs, which is ceil_mode's rounding too.
bool has_plain_padding(const graph::Attributes& a) {
  return a.pad_top == a.pad_bottom && a.pad_left == a.pad_right && 2 * a.pad_top <= a.kernel_h &&
         2 * a.pad_left <= a.kernel_w;
}

torch::Tensor pad_for_pool(const torch::Tensor& x, const graph::Attributes& a, const graph::Shape& out, double value) {
  const std::int64_t bottom = (out.height - 1) * std::int64_t{a.stride_h} + a.kernel_h - x.size(2) - a.pad_top;
  const std::int64_t right = (out.width - 1) * std::int64_t{a.stride_w} + a.kernel_w - x.size(3) - a.pad_left;
  return at::constant_pad_nd(x, {a.pad_left, right, a.pad_top, bottom}, value);
}

torch::Tensor max_pool(const torch::Tensor& x, const graph::Attributes& a, const graph::Shape& out) {
  const std::vector<std::int64_t> kernel = {a.kernel_h, a.kernel_w}, stride = {a.stride_h, a.stride_w};
  if (has_plain_padding(a)) return at::max_pool2d(x, kernel, stride, {a.pad_top, a.pad_left}, 1, a.ceil_mode);
  return at::max_pool2d(pad_for_pool(x, a, out, -INFINITY), kernel, stride);
}

torch::Tensor avg_pool(const torch::Tensor& x, const graph::Attributes& a, const graph::Shape& out) {
  const std::vector<std::int64_t> kernel = {a.kernel_h, a.kernel_w}, stride = {a.stride_h, a.stride_w};
  if (has_plain_padding(a))
    return at::avg_pool2d(x, kernel, stride, {a.pad_top, a.pad_left}, a.ceil_mode, a.count_include_pad);
  // The sum over each window divided by the number of values in it that count.
  const auto sum = [&](const torch::Tensor& values) { return at::avg_pool2d(values, kernel, stride); };
  torch::Tensor counted = torch::ones({1, 1, x.size(2), x.size(3)}, x.options());
  if (a.count_include_pad)
    counted = at::constant_pad_nd(counted, {a.pad_left, a.pad_right, a.pad_top, a.pad_bottom}, 1);
  graph::Attributes rest = a;
  if (a.count_include_pad) rest.pad_top = rest.pad_left = 0;
  return sum(pad_for_pool(x, a, out, 0)) / sum(pad_for_pool(counted, rest, out, 0));
}

// Ones and zeros from a mask.
torch::Tensor flags(const std::vector<std::uint8_t>& mask) {
  torch::Tensor values = torch::empty({static_cast<std::int64_t>(mask.size())});
  for (std::size_t i = 0; i < mask.size(); ++i) values.data_ptr<float>()[i] = mask[i] ? 1.0F : 0.0F;
  return values;
}

// Zeros with the given probability, and what keeps the mean elsewhere.
torch::Tensor dropout_factors(const torch::Tensor& like, double probability, core::RandomStream random) {
  torch::Tensor factors = torch::empty(like.sizes());
  std::vector<std::uint32_t> words(static_cast<std::size_t>(factors.numel()));
  random.fill(words);
  const double bound = probability * 4294967296.0;  // of 2^32 equally likely words
  const auto kept = static_cast<float>(1 / (1 - probability));
  float* values = factors.data_ptr<float>();
  for (std::size_t i = 0; i < words.size(); ++i) values[i] = words[i] < bound ? 0.0F : kept;
  return factors;
}

bool is_activation(const graph::Graph& graph, int node) {
  return graph.nodes[node].op == Op::relu || graph.nodes[node].op == Op::relu6;
}
bool is_add(const graph::Graph& graph, int node) { return graph.nodes[node].op == Op::add; }

// Every value has four dimensions; features are [N, C, 1, 1].
torch::Tensor as_features(const torch::Tensor& x) { return x.flatten(1).view({x.size(0), -1, 1, 1}); }

torch::Tensor per_channel(const torch::Tensor& t) { return t.view({1, -1, 1, 1}); }

}  // namespace

struct Network::Nodes {
  struct Parts {
    torch::Tensor weight, bias;             // conv2d, linear
    std::vector<Normalisation> norms;       // batch_norm, affine: per condition
    std::vector<torch::Tensor> own_weight;  // a private stem's, per condition; `weight` is the first
    graph::Shape shape;                     // of the output
    bool early_gate = false;                // the mask folds into this node
    bool late_gate = false;                 // gates multiply this node's output while there are any
    bool in_place = false;                  // may write over its first input
    std::vector<int> dies;                  // values nobody reads after this node

    const torch::Tensor& weight_of(int condition) const {
      return own_weight.empty() ? weight : own_weight[static_cast<std::size_t>(condition)];
    }
  };
  std::vector<Parts> parts;
  torch::MemoryFormat format = torch::MemoryFormat::ChannelsLast;  // of values and of convolutions' weights
  // Per condition and node with an early gate: [channels]; undefined where all are kept.
  std::vector<std::vector<torch::Tensor>> masks;
  // Per group, of the last forward pass; empty unless they were recorded or conditions were several. Then they multiply
  // behind the nodes, and masks fold into none.
  std::vector<torch::Tensor> gates;
  std::vector<Rows> rows;  // of the last forward pass
  bool recording = false;

  void plan(const graph::Graph& graph, const graph::ChannelGroups& groups);
  torch::Tensor run(const graph::Node& node, std::size_t index, const std::vector<torch::Tensor>& values,
                    const torch::Tensor& weight, bool training, bool statistics_frozen, double momentum) const;
  // A node's value times the gates of its channels; those of groups that have none stay as they are.
  torch::Tensor gated_value(const torch::Tensor& value, const std::vector<graph::Segment>& channels) const;
};

// Where gates stand and which values may be overwritten; both follow from who reads whom.
void Network::Nodes::plan(const graph::Graph& graph, const graph::ChannelGroups& groups) {
  const std::size_t count = graph.nodes.size();
  std::vector<std::vector<int>> readers(count);
  for (std::size_t i = 0; i < count; ++i)
    for (const int input : graph.nodes[i].inputs) readers[input].push_back(static_cast<int>(i));
  for (std::size_t i = 0; i < count; ++i)
    if (i + 1 < count) parts[readers[i].empty() ? i : readers[i].back()].dies.push_back(static_cast<int>(i));

  for (std::size_t g = 0; g < groups.groups.size(); ++g)
    if (groups.groups[g].maskable)
      for (const int node : groups.groups[g].gates) parts[node].early_gate = true;

  // m relu(x) = relu(m x), relu6 likewise, and m (x + y) = m x + m y: a gate moves on to its readers while all of them
  // are such.
  std::vector<bool> pending(count);
  for (std::size_t i = 0; i < count; ++i) {
    bool open = parts[i].early_gate;
    for (const int input : graph.nodes[i].inputs) open = open || pending[input];
    if (!open) continue;
    bool moves = !readers[i].empty();
    for (const int reader : readers[i]) moves = moves && (is_activation(graph, reader) || is_add(graph, reader));
    if (moves) {
      pending[i] = true;
    } else {
      parts[i].late_gate = true;
    }
  }

  // Backward needs neither the output of a normalisation nor that of an addition or a convolution.
  for (std::size_t i = 0; i < count; ++i) {
    if (!is_activation(graph, static_cast<int>(i)) && !is_add(graph, static_cast<int>(i))) continue;
    const int input = graph.nodes[i].inputs[0];
    const Op from = graph.nodes[input].op;
    parts[i].in_place = readers[input].size() == 1 && !parts[input].late_gate &&
                        (from == Op::batch_norm || from == Op::add || from == Op::conv2d);
  }
}

torch::Tensor Network::Nodes::run(const graph::Node& node, std::size_t index, const std::vector<torch::Tensor>& values,
                                  const torch::Tensor& weight, bool training, bool statistics_frozen,
                                  double momentum) const {
  const Parts& p = parts[index];
  const int condition = rows.front().condition;  // several share their normalisation
  const graph::Attributes& a = node.attributes;
  const torch::Tensor& x = values[node.inputs[0]];
  // Gates multiply later; without them the mask costs nothing where it folds into scale and bias.
  const torch::Tensor mask = p.early_gate && gates.empty() ? masks[condition][index] : torch::Tensor();
  const auto masked = [&mask](const torch::Tensor& t) { return mask.defined() ? t * mask : t; };
  switch (node.op) {
    case Op::conv2d: {
      const torch::Tensor y = convolve(x, weight.defined() ? weight : p.weight_of(condition), p.bias, a, format);
      return mask.defined() ? y * per_channel(mask) : y;
    }
    case Op::linear:
      return as_features(masked(at::linear(x.flatten(1), weight.defined() ? weight : p.weight, p.bias)));
    case Op::batch_norm: {
      const Normalisation& n = p.norms[condition];
      return at::batch_norm(x, masked(n.weight), masked(n.bias), n.running_mean, n.running_var,
                            training && !statistics_frozen, momentum, a.eps, false);
    }
    case Op::affine: {
      const Normalisation& n = p.norms[condition];
      return x * per_channel(masked(n.weight)) + per_channel(masked(n.bias));
    }
    case Op::relu:
      return p.in_place ? x.relu_() : at::relu(x);
    case Op::relu6: {
      torch::Tensor y = x;
      return p.in_place ? at::hardtanh_(y, 0, 6) : at::hardtanh(y, 0, 6);
    }
    case Op::add: {
      torch::Tensor sum = x;
      for (std::size_t i = 1; i < node.inputs.size(); ++i)
        sum = p.in_place || i > 1 ? sum.add_(values[node.inputs[i]]) : sum + values[node.inputs[i]];
      return sum;
    }
    case Op::max_pool:
      return max_pool(x, a, p.shape);
    case Op::avg_pool:
      return avg_pool(x, a, p.shape);
    case Op::global_avg_pool:
      return x.mean(at::IntArrayRef({2, 3}), true);
    case Op::concat: {
      std::vector<torch::Tensor> parts_in_order;
      for (const int input : node.inputs) parts_in_order.push_back(values[input]);
      return at::cat(parts_in_order, 1);
    }
    case Op::flatten:
      return as_features(x);
    case Op::softmax:
      return training ? x : at::softmax(x, 1);
    case Op::dropout:  // in training forward() does it
      return x;
    case Op::input:
      break;
  }
  throw graph::GraphError("node " + node.name + ": the network cannot execute " + graph::to_string(node.op));
}

torch::Tensor Network::Nodes::gated_value(const torch::Tensor& value,
                                          const std::vector<graph::Segment>& channels) const {
  if (std::none_of(channels.begin(), channels.end(), [this](const auto& s) { return gates[s.group].defined(); }))
    return value;
  const std::int64_t pictures = value.size(0);
  std::vector<torch::Tensor> pieces;
  for (const graph::Segment& segment : channels) {
    const torch::Tensor& gate = gates[segment.group];
    const torch::Tensor piece = gate.defined() ? gate.narrow(1, segment.first, segment.members)
                                               : torch::ones({pictures, segment.members}, value.device());
    pieces.push_back(segment.repeat == 1 ? piece : piece.repeat_interleave(segment.repeat, 1));
  }
  const torch::Tensor all = (pieces.size() == 1 ? pieces[0] : at::cat(pieces, 1)).view({pictures, -1, 1, 1});
  return value * (recording ? all : all.to(value.scalar_type()));
}

Network::Network(graph::Graph graph, const NetworkOptions& options, std::uint64_t seed, bool initialise)
    : graph_(std::move(graph)),
      conditions_(options.conditions),
      masks_alone_differ_(options.shared_normalisation && !options.private_stem),
      seed_(seed),
      nodes_(std::make_shared<Nodes>()) {
  if (conditions_ < 1) throw graph::GraphError("a network needs at least one condition");
  groups_ = graph::channel_groups(graph_);
  std::map<std::string, std::vector<std::int64_t>> shapes;
  for (const auto& [name, shape] : graph::parameter_shapes(graph_)) shapes[name] = shape;

  nodes_->parts.resize(graph_.nodes.size());
  const std::vector<graph::Shape> outputs = graph::infer_shapes(graph_);
  for (std::size_t i = 0; i < outputs.size(); ++i) nodes_->parts[i].shape = outputs[i];
  nodes_->format = fastest_format(graph_, outputs);
  std::set<int> own_weights;
  if (options.private_stem && conditions_ > 1)
    for (const int node : graph::stem_nodes(graph_)) own_weights.insert(node);
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
    const graph::Node& node = graph_.nodes[i];
    Nodes::Parts& p = nodes_->parts[i];
    const auto shape = shapes.find(node.name + ".weight");
    if (shape == shapes.end()) continue;
    torch::nn::Module& module = module_at(*this, node.name);
    if (node.op == Op::batch_norm || node.op == Op::affine) {
      const bool statistics = node.op == Op::batch_norm;
      p.norms.push_back(register_normalisation(module, shape->second[0], statistics));
      for (int k = 1; k < conditions_; ++k)
        p.norms.push_back(
            options.shared_normalisation
                ? p.norms[0]
                : register_normalisation(module_at(*this, "conditions." + std::to_string(k) + "." + node.name),
                                         shape->second[0], statistics));
      continue;
    }
    torch::Tensor weight = initialise ? initial_weight(node, shape->second, seed) : torch::empty(shape->second);
    // oneDNN's kernels want it; a reorder per call would be paid otherwise.
    if (node.op == Op::conv2d) weight = weight.contiguous(nodes_->format);
    p.weight = module.register_parameter("weight", weight);
    if (own_weights.count(static_cast<int>(i)) != 0) {
      p.own_weight.push_back(p.weight);
      for (int k = 1; k < conditions_; ++k)
        p.own_weight.push_back(module_at(*this, "conditions." + std::to_string(k) + "." + node.name)
                                   .register_parameter("weight", p.weight.detach().clone()));
    }
    const auto bias = shapes.find(node.name + ".bias");
    if (bias != shapes.end()) p.bias = module.register_parameter("bias", torch::zeros(bias->second));
  }
  nodes_->plan(graph_, groups_);
  masks_.assign(conditions_, graph::full_mask(groups_));
  nodes_->masks.assign(conditions_, std::vector<torch::Tensor>(graph_.nodes.size()));
}

Network::Network(const Checkpoint& checkpoint)
    : Network(checkpoint.graph,
              NetworkOptions{static_cast<int>(checkpoint.conditions.size()), false, has_private_stem(checkpoint)}, 0,
              false) {
  load(checkpoint);
}

torch::Tensor Network::forward(torch::Tensor x, int condition) {
  const std::int64_t pictures = x.size(0);
  return forward(std::move(x), std::vector<Rows>{{condition, pictures}});
}

void Network::check(const std::vector<Rows>& rows, std::int64_t pictures) const {
  std::int64_t sum = 0;
  for (const Rows& r : rows) {
    if (r.condition < 0 || r.condition >= conditions_)
      throw graph::GraphError("condition " + std::to_string(r.condition) + " of " + std::to_string(conditions_));
    sum += r.count;
    const auto same = [&r](const Rows& other) { return other.condition == r.condition; };
    if (rows.size() > 1 && (r.count < 1 || std::count_if(rows.begin(), rows.end(), same) > 1))
      throw graph::GraphError("condition " + std::to_string(r.condition) + " has no picture, or stands twice");
  }
  if (rows.empty() || sum != pictures)
    throw graph::GraphError(std::to_string(pictures) + " pictures, but conditions for " + std::to_string(sum));
  if (rows.size() > 1 && !masks_alone_differ_)
    throw graph::GraphError("several conditions in one batch, but each has a normalisation or stem of its own");
}

// Ones and zeros, or gate values, per picture and member of the group: [N, members].
torch::Tensor Network::gates_of(std::size_t group, const std::vector<Rows>& rows, torch::Device device) const {
  std::vector<torch::Tensor> pieces;
  for (const Rows& r : rows) {
    const auto k = static_cast<std::size_t>(r.condition);
    torch::Tensor gate = flags(masks_[k][group]);
    if (nodes_->recording && k < gate_values_.size() && !gate_values_[k].empty())
      gate.mul_(at::tensor(gate_values_[k].at(group)));
    pieces.push_back(gate.to(device).repeat({r.count, 1}));
  }
  return pieces.size() == 1 ? pieces[0] : at::cat(pieces);
}

bool Network::cuts(std::size_t group, const std::vector<Rows>& rows) const {
  return std::any_of(rows.begin(), rows.end(), [&](const Rows& r) {
    const auto& mask = masks_[static_cast<std::size_t>(r.condition)][group];
    return std::find(mask.begin(), mask.end(), std::uint8_t{0}) != mask.end();
  });
}

torch::Tensor Network::forward(torch::Tensor x, const std::vector<Rows>& rows) {
  check(rows, x.size(0));
  const int condition = executing_ = rows.front().condition;
  nodes_->rows = rows;
  nodes_->gates.clear();
  if (nodes_->recording || rows.size() > 1) {
    nodes_->gates.resize(groups_.groups.size());
    for (std::size_t g = 0; g < groups_.groups.size(); ++g)
      if (groups_.groups[g].maskable && (nodes_->recording || cuts(g, rows)))
        nodes_->gates[g] = gates_of(g, rows, x.device()).set_requires_grad(nodes_->recording);
  }
  std::vector<torch::Tensor> values(graph_.nodes.size());
  values[0] = x.contiguous(nodes_->format);
  const torch::Device x_device = x.device();
  x = torch::Tensor();
  if (observer_) values[0] = observer_(0, values[0]);
  for (std::size_t i = 1; i < graph_.nodes.size(); ++i) {
    const Nodes::Parts& p = nodes_->parts[i];
    torch::Tensor weight;
    if (weight_observer_ && (graph_.nodes[i].op == Op::conv2d || graph_.nodes[i].op == Op::linear))
      weight = weight_observer_(static_cast<int>(i), p.weight_of(condition));
    values[i] = nodes_->run(graph_.nodes[i], i, values, weight, is_training(), statistics_frozen_, norm_momentum_);
    if (graph_.nodes[i].op == Op::dropout && is_training()) {
      const std::string stream =
          "dropout " + graph_.nodes[i].name + " " + std::to_string(step_) + " " + std::to_string(condition);
      values[i] = values[i] * dropout_factors(values[i], graph_.nodes[i].attributes.probability,
                                              core::RandomStream(seed_, core::hash64(stream)))
                                  .to(x_device);
    }
    if (!nodes_->gates.empty() && p.late_gate) values[i] = nodes_->gated_value(values[i], groups_.of_node[i]);
    if (observer_) values[i] = observer_(static_cast<int>(i), values[i]);
    for (const int dead : p.dies) values[dead] = torch::Tensor();
  }
  return values.back().flatten(1);
}

void Network::set_mask(int condition, const graph::Mask& mask) {
  graph::shrink(graph_, mask);  // checks it
  masks_.at(condition) = mask;
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
    if (!nodes_->parts[i].early_gate) continue;
    const std::vector<std::uint8_t> kept = graph::channel_mask(groups_, static_cast<int>(i), mask);
    const bool full = std::find(kept.begin(), kept.end(), std::uint8_t{0}) == kept.end();
    nodes_->masks[condition][i] = full ? torch::Tensor() : flags(kept).to(device());
  }
}

torch::Device Network::device() const {
  for (const Nodes::Parts& p : nodes_->parts)
    if (p.weight.defined()) return p.weight.device();
  return torch::kCPU;
}

void Network::record_gates(bool on) {
  nodes_->recording = on;
  nodes_->gates.clear();
}

std::vector<torch::Tensor> Network::gate_gradients() const {
  std::vector<torch::Tensor> gradients(groups_.groups.size());
  for (std::size_t g = 0; g < nodes_->gates.size(); ++g)
    if (nodes_->gates[g].defined()) gradients[g] = nodes_->gates[g].grad();
  return gradients;
}

std::vector<torch::Tensor> Network::gate_gradients(int condition) const {
  std::vector<torch::Tensor> gradients = gate_gradients();
  std::int64_t first = 0;
  for (const Rows& r : nodes_->rows) {
    if (r.condition == condition) {
      for (torch::Tensor& gradient : gradients)
        if (gradient.defined()) gradient = gradient.narrow(0, first, r.count);
      return gradients;
    }
    first += r.count;
  }
  return std::vector<torch::Tensor>(gradients.size());  // none of its pictures
}

void Network::set_gate_values(int condition, std::vector<std::vector<float>> values) {
  gate_values_.resize(static_cast<std::size_t>(conditions_));
  gate_values_.at(static_cast<std::size_t>(condition)) = std::move(values);
}

Network::NodeTensors Network::tensors_of(int node, int condition) const {
  const Nodes::Parts& p = nodes_->parts.at(static_cast<std::size_t>(node));
  if (p.norms.empty()) return {p.weight_of(condition), p.bias, {}, {}};
  const Normalisation& n = p.norms.at(static_cast<std::size_t>(condition));
  return {n.weight, n.bias, n.running_mean, n.running_var};
}

void Network::load(const Checkpoint& checkpoint) {
  if (graph::to_json(checkpoint.graph) != graph::to_json(graph_))
    throw graph::GraphError("the checkpoint holds another graph than the network's");
  if (static_cast<int>(checkpoint.masks.size()) != conditions_ ||
      static_cast<int>(checkpoint.normalisation.size()) != conditions_)
    throw graph::GraphError("the checkpoint holds " + std::to_string(checkpoint.masks.size()) +
                            " conditions, the network " + std::to_string(conditions_));
  graph::check_weights(graph_, checkpoint.weights);
  const torch::NoGradGuard no_grad;
  const auto fill = [](torch::Tensor target, const graph::TensorMap& from, const std::string& name) {
    const auto found = from.find(name);
    if (found == from.end()) throw graph::GraphError("tensor " + name + ": missing in the checkpoint");
    if (found->second.shape != target.sizes().vec()) throw graph::GraphError("tensor " + name + ": wrong shape");
    target.copy_(to_torch(found->second));
  };
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
    const std::string& name = graph_.nodes[i].name;
    Nodes::Parts& p = nodes_->parts[i];
    if (p.weight.defined()) fill(p.weight, checkpoint.weights, name + ".weight");
    for (std::size_t k = 0; k < p.own_weight.size(); ++k) {
      const graph::TensorMap& own = checkpoint.normalisation[k];
      fill(p.own_weight[k], own.count(name + ".weight") != 0 ? own : checkpoint.weights, name + ".weight");
    }
    if (p.bias.defined()) fill(p.bias, checkpoint.weights, name + ".bias");
    for (std::size_t k = 0; k < p.norms.size(); ++k) {
      // An affine node's tensors may be there once, for all conditions.
      const bool once = graph_.nodes[i].op == Op::affine && checkpoint.normalisation[k].count(name + ".weight") == 0;
      const graph::TensorMap& from = once ? checkpoint.weights : checkpoint.normalisation[k];
      for (const auto& [suffix, tensor] : p.norms[k].tensors()) fill(tensor, from, name + suffix);
    }
  }
  for (int k = 0; k < conditions_; ++k) set_mask(k, checkpoint.masks[k]);
}

void Network::store(Checkpoint& checkpoint) const {
  checkpoint.graph = graph_;
  checkpoint.masks = masks_;
  checkpoint.weights.clear();
  checkpoint.normalisation.assign(conditions_, {});
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
    const std::string& name = graph_.nodes[i].name;
    const Nodes::Parts& p = nodes_->parts[i];
    if (p.weight.defined()) checkpoint.weights[name + ".weight"] = to_plain(p.weight);
    if (p.bias.defined()) checkpoint.weights[name + ".bias"] = to_plain(p.bias);
    for (std::size_t k = 0; k < p.own_weight.size(); ++k)
      checkpoint.normalisation[k][name + ".weight"] = to_plain(p.own_weight[k]);
    for (std::size_t k = 0; k < p.norms.size(); ++k) {
      graph::TensorMap& norms = checkpoint.normalisation[k];
      for (const auto& [suffix, tensor] : p.norms[k].tensors()) norms[name + suffix] = to_plain(tensor);
    }
  }
  for (const auto& [name, tensor] : checkpoint.normalisation[0]) checkpoint.weights[name] = tensor;
}

torch::Tensor to_input(const torch::Tensor& pictures, const InputScaling& scaling) {
  const auto per_channel = [](const std::vector<float>& values) {
    return torch::tensor(values).view({1, static_cast<std::int64_t>(values.size()), 1, 1});
  };
  return pictures.permute({0, 3, 1, 2})
      .to(torch::kFloat)
      .div_(255)
      .sub_(per_channel(scaling.mean))
      .div_(per_channel(scaling.deviation));
}

graph::Tensor to_plain(const torch::Tensor& tensor) {
  const torch::Tensor values = tensor.detach().to(torch::kCPU, torch::kFloat).contiguous();
  graph::Tensor plain;
  plain.shape = values.sizes().vec();
  plain.data.assign(values.data_ptr<float>(), values.data_ptr<float>() + values.numel());
  return plain;
}

torch::Tensor to_torch(const graph::Tensor& tensor) {
  torch::Tensor values = torch::empty(tensor.shape);
  if (!tensor.data.empty())
    std::memcpy(values.data_ptr<float>(), tensor.data.data(), tensor.data.size() * sizeof(float));
  return values;
}

}  // namespace automask::models
