#include "hw_targets/cuda/lowering.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "hw_targets/protocol/protocol.h"

namespace automask {
namespace cuda {
namespace {

using graph::Op;

constexpr int row_alignment = 8;  // values

std::size_t at(int index) { return static_cast<std::size_t>(index); }
int aligned(int values) { return (values + row_alignment - 1) / row_alignment * row_alignment; }

std::vector<std::vector<int>> readers_of(const graph::Graph& graph) {
  std::vector<std::vector<int>> readers(graph.nodes.size());
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    for (const int input : graph.nodes[i].inputs) readers[at(input)].push_back(static_cast<int>(i));
  return readers;
}

// Empty where all are kept.
std::vector<std::int32_t> kept_of(const graph::ChannelGroups& groups, int node, const graph::Mask& mask) {
  const std::vector<std::uint8_t> flags = graph::channel_mask(groups, node, mask);
  std::vector<std::int32_t> kept;
  for (std::size_t c = 0; c < flags.size(); ++c)
    if (flags[c] != 0) kept.push_back(static_cast<std::int32_t>(c));
  if (kept.size() == flags.size()) kept.clear();
  return kept;
}

// Of a parameter with one value for each channel of the union.
std::vector<float> of_kept(const std::vector<float>& all, const std::vector<std::int32_t>& kept) {
  if (kept.empty()) return all;
  std::vector<float> values;
  for (const std::int32_t c : kept) values.push_back(all[at(c)]);
  return values;
}

bool is_alias(Op op) { return op == Op::flatten || op == Op::dropout; }

class Lowering {
 public:
  Lowering(const package::Package& package, const package::Condition& condition)
      : package_(package),
        condition_(condition),
        union_(package.graph),
        groups_(graph::channel_groups(package.graph)),
        graph_(graph::shrink(package.graph, condition.mask)),
        shapes_(graph::infer_shapes(graph_)),
        readers_(readers_of(graph_)),
        producer_(graph_.nodes.size(), -1),
        place_(graph_.nodes.size()) {}

  Program run() {
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i)
      if (producer_[i] < 0) take(static_cast<int>(i));
    place_values();
    for (Taken& taken : taken_) emit(taken);
    const int last = static_cast<int>(graph_.nodes.size()) - 1;
    program_.classes = shapes_.back().channels;
    program_.output = place_[at(producer_[at(last)])];
    find_lifetimes();
    program_.arena_values = plan_memory(program_.buffers);
    return std::move(program_);
  }

 private:
  // A node with a kernel of its own, and what joined it.
  struct Taken {
    int node = 0, residual = -1;
    int activation = 0;
    std::vector<float> scale, bias;
    std::string text;
  };

  const graph::Node& node_at(int i) const { return graph_.nodes[at(i)]; }
  // shrink() keeps the nodes and their order.
  std::vector<std::int32_t> kept(int node) const { return kept_of(groups_, node, condition_.mask); }

  // Composes with an affine that follows: (s x + b) S + B.
  void join_affine(Taken& taken, int affine) const {
    const std::string& name = node_at(affine).name;
    const std::vector<std::int32_t> channels = kept(affine);
    const std::vector<float> scale = of_kept(condition_.scale.at(name), channels);
    const std::vector<float> bias = of_kept(condition_.bias.at(name), channels);
    for (std::size_t c = 0; c < scale.size(); ++c) {
      taken.scale[c] = static_cast<float>(static_cast<double>(taken.scale[c]) * scale[c]);
      taken.bias[c] = static_cast<float>(static_cast<double>(taken.bias[c]) * scale[c] + bias[c]);
    }
  }

  bool is_layer(Op op) const { return op == Op::conv2d || op == Op::linear; }

  // A node, and the chain of its only readers that its kernel can do on the way.
  void take(int first) {
    const Op op = node_at(first).op;
    if (is_alias(op)) {
      producer_[at(first)] = producer_[at(node_at(first).inputs[0])];
      return;
    }
    Taken taken;
    taken.node = first;
    taken.text = graph::to_string(op);
    const bool affine_may_join = is_layer(op) || op == Op::affine;
    if (affine_may_join) {
      const auto channels = at(shapes_[at(first)].channels);
      taken.scale.assign(channels, 1.F);
      taken.bias.assign(channels, 0.F);
      if (is_layer(op) && node_at(first).attributes.bias)
        taken.bias = of_kept(package_.weights.at(node_at(first).name + ".bias").data, kept(first));
      if (op == Op::affine) join_affine(taken, first);
    }
    if (op == Op::relu || op == Op::relu6) taken.activation = op == Op::relu ? 1 : 2;
    producer_[at(first)] = first;
    int tail = first;
    while (taken.activation == 0 && readers_[at(tail)].size() == 1) {
      const int next = readers_[at(tail)].front();
      const Op joining = node_at(next).op;
      if (joining == Op::affine && affine_may_join && taken.residual < 0) {
        join_affine(taken, next);
      } else if (joining == Op::add && (op == Op::conv2d || op == Op::affine) && taken.residual < 0 &&
                 node_at(next).inputs.size() == 2) {
        const std::vector<int>& summands = node_at(next).inputs;
        const int other = summands[0] == tail ? summands[1] : summands[0];
        if (other >= first || producer_[at(other)] < 0) break;  // it isn't computed yet
        taken.residual = other;
      } else if ((joining == Op::relu || joining == Op::relu6) && op != Op::input && op != Op::concat &&
                 op != Op::softmax) {
        taken.activation = joining == Op::relu ? 1 : 2;
      } else if (joining != Op::dropout) {
        break;
      }
      if (joining != Op::dropout) taken.text += std::string(" + ") + graph::to_string(joining);
      producer_[at(next)] = first;
      tail = next;
    }
    taken_.push_back(std::move(taken));
  }

  std::size_t values_of(int node) const {
    const graph::Shape& s = shapes_[at(node)];
    return at(s.channels) * at(s.height) * at(s.width);
  }

  int new_buffer(std::size_t values) {
    program_.buffers.push_back({});
    program_.buffers.back().values = values;
    return static_cast<int>(program_.buffers.size()) - 1;
  }

  // From the last to the first, so that a concat's place is known when those it joins are placed in it.
  void place_values() {
    for (auto taken = taken_.rbegin(); taken != taken_.rend(); ++taken) {
      Place& own = place_[at(taken->node)];
      if (own.buffer < 0) own = {new_buffer(values_of(taken->node)), 0};
      if (node_at(taken->node).op != Op::concat) continue;
      std::size_t first = own.first;
      for (const int input : node_at(taken->node).inputs) {
        Place& part = place_[at(producer_[at(input)])];
        // Only what nothing else reads under any name lies there from the start.
        if (sole_reader(input) == taken->node && part.buffer < 0) part = {own.buffer, first};
        first += values_of(input);
      }
    }
  }

  // Of the value that `node` stands for; -1: there are several.
  int sole_reader(int node) const {
    int reader = -1;
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i)
      for (const int input : graph_.nodes[i].inputs) {
        if (producer_[at(input)] != producer_[at(node)] || producer_[i] == producer_[at(node)]) continue;
        if (reader >= 0) return -1;
        reader = static_cast<int>(i);
      }
    return reader;
  }

  Step step_of(const Taken& taken, const char* kernel) const {
    Step step;
    const graph::Node& node = node_at(taken.node);
    step.layer = node.name;
    step.op = node.op;
    step.text = taken.text;
    step.key.name = kernel;
    step.key.half = package_.format == package::Format::fp16;
    const graph::Attributes& a = node.attributes;
    const graph::Shape in = node.inputs.empty() ? shapes_[at(taken.node)] : shapes_[at(node.inputs[0])];
    const graph::Shape out = shapes_[at(taken.node)];
    Constants& c = step.key.constants;
    c.in_channels = in.channels;
    c.in_height = in.height;
    c.in_width = in.width;
    c.out_channels = out.channels;
    c.out_height = out.height;
    c.out_width = out.width;
    c.kernel_h = a.kernel_h;
    c.kernel_w = a.kernel_w;
    c.stride_h = a.stride_h;
    c.stride_w = a.stride_w;
    c.pad_top = a.pad_top;
    c.pad_left = a.pad_left;
    c.pad_bottom = a.pad_bottom;
    c.pad_right = a.pad_right;
    c.dilation_h = a.dilation_h;
    c.dilation_w = a.dilation_w;
    c.groups = a.groups;
    c.count_padding = a.count_include_pad ? 1 : 0;
    c.activation = taken.activation;
    if (!node.inputs.empty()) step.x = place_[at(producer_[at(node.inputs[0])])];
    if (taken.residual >= 0) {
      step.residual = place_[at(producer_[at(taken.residual)])];
      c.residual = 1;
    }
    step.y = place_[at(taken.node)];
    step.scale = taken.scale;
    step.bias = taken.bias;
    return step;
  }

  void emit(const Taken& taken) {
    switch (node_at(taken.node).op) {
      case Op::input:
        return add(step_of(taken, "picture"));
      case Op::conv2d:
      case Op::linear:
        return add_layer(taken);
      case Op::max_pool:
        return add(step_of(taken, "max_pool"));
      case Op::avg_pool:
        return add(step_of(taken, "avg_pool"));
      case Op::global_avg_pool:
        return add(step_of(taken, "global_avg_pool"));
      case Op::affine:
      case Op::relu:
      case Op::relu6:
        return add(step_of(taken, "affine"));
      case Op::add:
        return add_sum(taken);
      case Op::concat:
        return add_concat(taken);
      case Op::softmax:
        return add(step_of(taken, "softmax"));
      case Op::flatten:
      case Op::dropout:
        return;  // another name for its input
      case Op::batch_norm:
        break;
    }
    throw DeviceError(protocol::unsupported, "node " + node_at(taken.node).name + ": there is no kernel for " +
                                                 graph::to_string(node_at(taken.node).op));
  }

  void add(Step step) { program_.steps.push_back(std::move(step)); }

  void add_layer(const Taken& taken) {
    const WeightLayout layout = layout_of(union_, taken.node);
    const graph::Node& node = node_at(taken.node);
    const char* kernel = layout.transposed ? "convolution" : node.op == Op::linear ? "linear" : "grouped";
    Step step = step_of(taken, kernel);
    Constants& c = step.key.constants;
    step.weights = taken.node;
    step.out_list = kept(taken.node);
    if (node.op == Op::linear) {
      // A flattened picture's features lie as the layer counts them.
      c.in_channels = c.in_channels * c.in_height * c.in_width;
      c.in_height = c.in_width = 1;
    }
    if (std::string(kernel) != "grouped") step.in_list = kept(node.inputs[0]);
    const auto row =
        layout.transposed ? c.out_channels : c.in_channels / std::max(c.groups, 1) * c.kernel_h * c.kernel_w;
    c.weight_stride = std::string(kernel) == "grouped" ? row : aligned(row);
    if (!step.masked()) c.weight_stride = layout.stride;
    step.macs = static_cast<std::int64_t>(values_of(taken.node)) * (c.in_channels / std::max(c.groups, 1)) *
                c.kernel_h * c.kernel_w;
    add(std::move(step));
  }

  // a + b, then the others to that, where it lies.
  void add_sum(const Taken& taken) {
    const std::vector<int>& summands = node_at(taken.node).inputs;
    for (std::size_t i = 1; i < summands.size(); ++i) {
      Step step = step_of(taken, "affine");
      if (i > 1) step.x = step.y;
      step.residual = place_[at(producer_[at(summands[i])])];
      step.key.constants.residual = 1;
      if (i + 1 < summands.size()) step.key.constants.activation = 0;
      add(std::move(step));
    }
    if (summands.size() == 1) add(step_of(taken, "affine"));
  }

  void add_concat(const Taken& taken) {
    const graph::Node& node = node_at(taken.node);
    std::size_t first = 0;
    for (const int input : node.inputs) {
      const Place from = place_[at(producer_[at(input)])];
      Place to = place_[at(taken.node)];
      to.first += first;
      if (from.buffer != to.buffer || from.first != to.first) {
        Step step = step_of(taken, "copy");
        const graph::Shape& s = shapes_[at(input)];
        step.key.constants = Constants();
        step.key.constants.in_channels = s.channels;
        step.key.constants.in_height = s.height;
        step.key.constants.in_width = s.width;
        step.x = from;
        step.y = to;
        add(std::move(step));
      }
      first += values_of(input);
    }
  }

  void find_lifetimes() {
    std::vector<Buffer>& buffers = program_.buffers;
    for (Buffer& buffer : buffers) buffer.first = -1;
    const auto touch = [&](const Place& place, int step) {
      if (place.buffer < 0) return;
      Buffer& buffer = buffers[at(place.buffer)];
      if (buffer.first < 0) buffer.first = step;
      buffer.last = step;
    };
    for (std::size_t i = 0; i < program_.steps.size(); ++i)
      for (const Place* place : {&program_.steps[i].y, &program_.steps[i].x, &program_.steps[i].residual})
        touch(*place, static_cast<int>(i));
    touch(program_.output, static_cast<int>(program_.steps.size()));
    for (Buffer& buffer : buffers)
      if (buffer.first < 0) buffer.first = buffer.last = 0;
  }

  const package::Package& package_;
  const package::Condition& condition_;
  const graph::Graph& union_;
  graph::ChannelGroups groups_;
  graph::Graph graph_;  // of the condition
  std::vector<graph::Shape> shapes_;
  std::vector<std::vector<int>> readers_;
  std::vector<int> producer_;  // per node: the taken node whose kernel writes its value
  std::vector<Place> place_;   // per taken node
  std::vector<Taken> taken_;
  Program program_;
};

}  // namespace

WeightLayout layout_of(const graph::Graph& graph, int layer) {
  const graph::Node& node = graph.nodes[at(layer)];
  const graph::Attributes& a = node.attributes;
  const std::vector<graph::Shape> shapes = graph::infer_shapes(graph);
  const graph::Shape in = shapes[at(node.inputs[0])];
  WeightLayout layout;
  if (node.op == Op::linear) {
    layout.rows = a.out_channels;
    layout.columns = in.channels * in.height * in.width;
    layout.stride = aligned(layout.columns);
  } else if (a.groups == 1) {
    layout.transposed = true;
    layout.taps = a.kernel_h * a.kernel_w;
    layout.rows = in.channels * layout.taps;
    layout.columns = a.out_channels;
    layout.stride = aligned(layout.columns);
  } else {
    layout.rows = a.out_channels;
    layout.columns = layout.stride = in.channels / a.groups * a.kernel_h * a.kernel_w;
  }
  return layout;
}

std::vector<float> laid_out(const WeightLayout& layout, const graph::Tensor& tensor) {
  std::vector<float> values(at(layout.rows) * at(layout.stride));
  for (std::size_t r = 0; r < at(layout.rows); ++r)
    for (std::size_t c = 0; c < at(layout.columns); ++c)
      values[r * at(layout.stride) + c] =
          tensor.data[layout.transposed ? c * at(layout.rows) + r : r * at(layout.columns) + c];
  return values;
}

Program lower(const package::Package& package, int condition) {
  return Lowering(package, package.conditions.at(at(condition))).run();
}

std::vector<std::string> step_names(const Program& program) {
  std::vector<std::string> names;
  std::map<std::string, int> met;
  for (const Step& step : program.steps) {
    const int count = ++met[step.layer];
    names.push_back(count == 1 ? step.layer : step.layer + " #" + std::to_string(count));
  }
  return names;
}

std::size_t plan_memory(std::vector<Buffer>& buffers) {
  constexpr std::size_t alignment = 64;  // values
  std::vector<std::size_t> order(buffers.size());
  std::iota(order.begin(), order.end(), std::size_t(0));
  // The largest first, each as low as those that live with it allow.
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return buffers[a].values > buffers[b].values; });
  std::vector<std::size_t> placed;
  std::size_t total = 0;
  for (const std::size_t i : order) {
    Buffer& buffer = buffers[i];
    std::vector<const Buffer*> beside;
    for (const std::size_t j : placed)
      if (buffers[j].first <= buffer.last && buffer.first <= buffers[j].last) beside.push_back(&buffers[j]);
    std::sort(beside.begin(), beside.end(), [](const Buffer* a, const Buffer* b) { return a->offset < b->offset; });
    buffer.offset = 0;
    for (const Buffer* other : beside)
      if (buffer.offset + buffer.values > other->offset)
        buffer.offset =
            std::max(buffer.offset, (other->offset + other->values + alignment - 1) / alignment * alignment);
      else
        break;
    placed.push_back(i);
    total = std::max(total, buffer.offset + buffer.values);
  }
  return total;
}

}  // namespace cuda
}  // namespace automask
