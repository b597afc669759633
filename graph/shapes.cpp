#include <set>

#include "graph/graph.h"
#include "graph/structure.h"

namespace automask {
namespace graph {
namespace {

// Generous for pictures, and small enough that no product below leaves 64 bits.
constexpr std::int64_t largest_size = std::int64_t{1} << 24;
constexpr std::int64_t largest_window = std::int64_t{1} << 14;
constexpr std::int64_t most_values = std::int64_t{1} << 31;
constexpr std::int64_t most_macs = std::int64_t{1} << 61;
// Of all nodes together: channel_groups() looks at each.
constexpr std::int64_t most_channels = std::int64_t{1} << 23;

std::string text(const Shape& s) {
  return std::to_string(s.channels) + "x" + std::to_string(s.height) + "x" + std::to_string(s.width);
}

void require_in(const Node& node, const char* what, std::int64_t value, std::int64_t low, std::int64_t high) {
  if (value < low || value > high)
    fail_node(node, std::string(what) + " is " + std::to_string(value) + ", must be from " + std::to_string(low) +
                        " to " + std::to_string(high));
}

std::int64_t product_within(const Node& node, const char* what, std::initializer_list<std::int64_t> factors) {
  std::int64_t product = 1;
  for (const std::int64_t factor : factors) {
    product *= factor;
    if (product > most_values) fail_node(node, std::string(what) + " has more than 2^31 values");
  }
  return product;
}

Shape checked(const Node& node, std::int64_t channels, std::int64_t height, std::int64_t width) {
  require_in(node, "channels", channels, 1, largest_size);
  require_in(node, "height", height, 1, largest_size);
  require_in(node, "width", width, 1, largest_size);
  product_within(node, "the activation", {channels, height, width});
  Shape shape;
  shape.channels = static_cast<int>(channels);
  shape.height = static_cast<int>(height);
  shape.width = static_cast<int>(width);
  return shape;
}

// Windows along one axis; pools have dilation 1, convolutions no ceil_mode.
std::int64_t window_count(const Node& node, const char* axis, std::int64_t size, std::int64_t before,
                          std::int64_t after, std::int64_t kernel, std::int64_t dilation, std::int64_t stride) {
  const std::int64_t window = dilation * (kernel - 1) + 1, room = size + before + after - window;
  if (room < 0)
    fail_node(node, std::string("a window of ") + std::to_string(window) + " exceeds the padded " + axis + " of " +
                        std::to_string(size + before + after));
  if (!is_pool(node.op) || !node.attributes.ceil_mode) return room / stride + 1;
  const std::int64_t steps = (room + stride - 1) / stride;
  return steps * stride >= size + before ? steps : steps + 1;
}

Shape slide(const Node& node, const Shape& in, int channels, int dilation_h, int dilation_w) {
  const Attributes& a = node.attributes;
  require_in(node, "kernel height", a.kernel_h, 1, largest_window);
  require_in(node, "kernel width", a.kernel_w, 1, largest_window);
  require_in(node, "stride height", a.stride_h, 1, largest_window);
  require_in(node, "stride width", a.stride_w, 1, largest_window);
  require_in(node, "dilation height", dilation_h, 1, largest_window);
  require_in(node, "dilation width", dilation_w, 1, largest_window);
  for (const int pad : {a.pad_top, a.pad_left, a.pad_bottom, a.pad_right})
    require_in(node, "padding", pad, 0, largest_window);
  return checked(node, channels,
                 window_count(node, "height", in.height, a.pad_top, a.pad_bottom, a.kernel_h, dilation_h, a.stride_h),
                 window_count(node, "width", in.width, a.pad_left, a.pad_right, a.kernel_w, dilation_w, a.stride_w));
}

Shape conv_shape(const Node& node, const Shape& in, std::int64_t& macs) {
  const Attributes& a = node.attributes;
  require_in(node, "out_channels", a.out_channels, 1, largest_size);
  require_in(node, "groups", a.groups, 1, largest_size);
  if (in.channels % a.groups != 0 || a.out_channels % a.groups != 0)
    fail_node(node, "groups " + std::to_string(a.groups) + " does not divide " + std::to_string(in.channels) +
                        " input and " + std::to_string(a.out_channels) + " output channels");
  const Shape out = slide(node, in, a.out_channels, a.dilation_h, a.dilation_w);
  macs = product_within(node, "the weight", {a.out_channels, in.channels / a.groups, a.kernel_h, a.kernel_w}) *
         out.height * out.width;
  return out;
}

Shape pool_shape(const Node& node, const Shape& in) {
  const Attributes& a = node.attributes;
  const Shape out = slide(node, in, in.channels, 1, 1);
  // Otherwise a window could hold nothing but padding.
  if (a.pad_top >= a.kernel_h || a.pad_bottom >= a.kernel_h || a.pad_left >= a.kernel_w || a.pad_right >= a.kernel_w)
    fail_node(node, "padding must be smaller than the kernel");
  return out;
}

Shape linear_shape(const Node& node, const Shape& in, std::int64_t& macs) {
  if (in.height != 1 || in.width != 1) fail_node(node, "takes features, not " + text(in) + "; put a flatten before it");
  require_in(node, "out_channels", node.attributes.out_channels, 1, largest_size);
  macs = product_within(node, "the weight", {node.attributes.out_channels, in.channels});
  return checked(node, node.attributes.out_channels, 1, 1);
}

Shape concat_shape(const Node& node, const std::vector<Shape>& shapes) {
  const Shape& first = shapes[node.inputs[0]];
  std::int64_t channels = 0;
  for (const int input : node.inputs) {
    const Shape& in = shapes[input];
    if (in.height != first.height || in.width != first.width)
      fail_node(node, "concatenates " + text(first) + " and " + text(in) + ", whose heights and widths differ");
    channels += in.channels;
  }
  return checked(node, channels, first.height, first.width);
}

Shape output_shape(const Node& node, const std::vector<Shape>& shapes, const Shape& input, std::int64_t& macs) {
  if (node.op == Op::input) return checked(node, input.channels, input.height, input.width);
  const Shape& in = shapes[node.inputs[0]];
  switch (node.op) {
    case Op::conv2d:
      return conv_shape(node, in, macs);
    case Op::linear:
      return linear_shape(node, in, macs);
    case Op::batch_norm:
      if (!(node.attributes.eps >= 0 && node.attributes.eps < 1e6)) fail_node(node, "eps must be a small number >= 0");
      return in;
    case Op::max_pool:
    case Op::avg_pool:
      return pool_shape(node, in);
    case Op::global_avg_pool:
      return checked(node, in.channels, 1, 1);
    case Op::flatten:
      return checked(node, std::int64_t{in.channels} * in.height * in.width, 1, 1);
    case Op::add:
      for (const int other : node.inputs)
        if (!(shapes[other] == in)) fail_node(node, "adds " + text(in) + " and " + text(shapes[other]));
      return in;
    case Op::concat:
      return concat_shape(node, shapes);
    case Op::dropout:
      if (!(node.attributes.probability >= 0 && node.attributes.probability < 1))
        fail_node(node, "probability must be at least 0 and below 1");
      return in;
    case Op::softmax:
      if (in.height != 1 || in.width != 1)
        fail_node(node, "takes features, not " + text(in) + "; put a flatten before it");
      return in;
    case Op::input:
    case Op::affine:
    case Op::relu:
    case Op::relu6:
      break;
  }
  return in;
}

void check_inputs(const Node& node, std::size_t index, std::size_t nodes) {
  if (node.op == Op::softmax && index + 1 != nodes) fail_node(node, "a softmax must be the last node");
  if ((index == 0) != (node.op == Op::input))
    fail_node(node, index == 0 ? "the first node must be the input" : "only the first node may be an input");
  const std::size_t count = node.inputs.size();
  const bool joins = node.op == Op::add || node.op == Op::concat;
  const bool arity_ok = node.op == Op::input ? count == 0 : joins ? count >= 2 : count == 1;
  if (!arity_ok) fail_node(node, std::string(to_string(node.op)) + " cannot have " + std::to_string(count) + " inputs");
  for (const int input : node.inputs)
    if (input < 0 || static_cast<std::size_t>(input) >= index)
      fail_node(node, "input " + std::to_string(input) + " is no earlier node");
}

using ShapeList = std::vector<std::pair<std::string, std::vector<std::int64_t>>>;

void append_parameters(const Node& node, const Shape& in, const Shape& out, ShapeList& list) {
  const Attributes& a = node.attributes;
  if (node.op == Op::conv2d)
    list.push_back({node.name + ".weight", {a.out_channels, in.channels / a.groups, a.kernel_h, a.kernel_w}});
  if (node.op == Op::linear) list.push_back({node.name + ".weight", {a.out_channels, in.channels}});
  if (has_weights(node.op) && a.bias) list.push_back({node.name + ".bias", {out.channels}});
  if (is_normalisation(node.op)) {
    list.push_back({node.name + ".weight", {out.channels}});
    list.push_back({node.name + ".bias", {out.channels}});
  }
  if (node.op == Op::batch_norm) {
    list.push_back({node.name + ".running_mean", {out.channels}});
    list.push_back({node.name + ".running_var", {out.channels}});
  }
}

std::string text(const std::vector<std::int64_t>& shape) {
  std::string out = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) out += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return out + "]";
}

}  // namespace

std::vector<Shape> infer_shapes(const Graph& graph) {
  if (graph.nodes.empty()) throw GraphError("graph " + graph.name + ": has no nodes");
  std::vector<Shape> shapes;
  std::set<std::string> names;
  std::int64_t total_macs = 0, total_channels = 0;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (node.name.empty()) throw GraphError("/nodes/" + std::to_string(i) + ": a node needs a name");
    if (!names.insert(node.name).second) fail_node(node, "the name is taken");
    check_inputs(node, i, graph.nodes.size());
    std::int64_t macs = 0;
    shapes.push_back(output_shape(node, shapes, graph.input, macs));
    if (macs > most_macs - total_macs) fail_node(node, "the network needs more than 2^61 multiply-accumulates");
    total_macs += macs;
    total_channels += shapes.back().channels;
    if (total_channels > most_channels) fail_node(node, "the network has more than 2^23 channels in all its nodes");
  }
  return shapes;
}

ShapeList parameter_shapes(const Graph& graph) {
  const std::vector<Shape> shapes = infer_shapes(graph);
  ShapeList list;
  for (std::size_t i = 1; i < graph.nodes.size(); ++i)
    append_parameters(graph.nodes[i], shapes[graph.nodes[i].inputs[0]], shapes[i], list);
  return list;
}

void check_weights(const Graph& graph, const TensorMap& weights) {
  const ShapeList expected = parameter_shapes(graph);
  std::set<std::string> names;
  for (const auto& parameter : expected) {
    names.insert(parameter.first);
    const auto found = weights.find(parameter.first);
    if (found == weights.end()) throw GraphError("tensor " + parameter.first + ": is missing");
    if (found->second.shape != parameter.second)
      throw GraphError("tensor " + parameter.first + ": has shape " + text(found->second.shape) + ", must have " +
                       text(parameter.second));
    std::int64_t values = 1;
    for (const std::int64_t n : parameter.second) values *= n;
    if (static_cast<std::int64_t>(found->second.data.size()) != values)
      throw GraphError("tensor " + parameter.first + ": holds " + std::to_string(found->second.data.size()) +
                       " values, its shape needs " + std::to_string(values));
  }
  for (const auto& tensor : weights)
    if (names.count(tensor.first) == 0) throw GraphError("tensor " + tensor.first + ": no node has this parameter");
}

}  // namespace graph
}  // namespace automask
