#include "hw_targets/package/reference.h"

#include <algorithm>
#include <stdexcept>

namespace automask {
namespace package {
namespace {

using graph::Attributes;
using graph::Op;
using graph::Shape;
using Values = std::vector<std::int32_t>;

// [C, H, W]; what lies outside is never asked for.
std::size_t at(const Shape& shape, int c, int y, int x) {
  return static_cast<std::size_t>((c * shape.height + y) * shape.width + x);
}
bool inside(const Shape& shape, int y, int x) { return y >= 0 && y < shape.height && x >= 0 && x < shape.width; }

struct Operands {
  const graph::Node& node;
  const std::vector<Requantisation>* requantisation;  // null where the node has none
  std::vector<const Values*> in;
  std::vector<Shape> in_shape;
  Shape out;
  std::int32_t most;

  const Requantisation& requantise(std::size_t i) const { return requantisation->at(i); }
};

template <class Value>
Values for_each_value(const Shape& shape, Value value) {
  Values out;
  for (int c = 0; c < shape.channels; ++c)
    for (int y = 0; y < shape.height; ++y)
      for (int x = 0; x < shape.width; ++x) out.push_back(value(c, y, x));
  return out;
}

Values conv2d(const Operands& o, const std::vector<std::int8_t>& weight) {
  const Attributes& a = o.node.attributes;
  const Shape& in = o.in_shape[0];
  const int in_per_group = in.channels / a.groups, out_per_group = o.out.channels / a.groups;
  return for_each_value(o.out, [&](int c, int y, int x) {
    std::int64_t sum = 0;
    for (int i = 0; i < in_per_group; ++i)
      for (int ky = 0; ky < a.kernel_h; ++ky)
        for (int kx = 0; kx < a.kernel_w; ++kx) {
          const int from_y = y * a.stride_h - a.pad_top + ky * a.dilation_h;
          const int from_x = x * a.stride_w - a.pad_left + kx * a.dilation_w;
          if (!inside(in, from_y, from_x)) continue;  // padding is 0
          const int from_c = c / out_per_group * in_per_group + i;
          const std::size_t w = static_cast<std::size_t>(((c * in_per_group + i) * a.kernel_h + ky) * a.kernel_w + kx);
          sum += std::int64_t(weight.at(w)) * (*o.in[0])[at(in, from_c, from_y, from_x)];
        }
    return requantised(sum, o.requantise(static_cast<std::size_t>(c)), o.most);
  });
}

Values linear(const Operands& o, const std::vector<std::int8_t>& weight) {
  const Values& in = *o.in[0];
  return for_each_value(o.out, [&](int c, int, int) {
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < in.size(); ++i)
      sum += std::int64_t(weight.at(static_cast<std::size_t>(c) * in.size() + i)) * in[i];
    return requantised(sum, o.requantise(static_cast<std::size_t>(c)), o.most);
  });
}

// A window's part inside the picture, and how many places a mean divides by.
struct Window {
  int top, left, bottom, right;  // the last two excluded
  int counted;
};
Window window(const Attributes& a, const Shape& in, int y, int x) {
  const int top = y * a.stride_h - a.pad_top, left = x * a.stride_w - a.pad_left;
  const int bottom = top + a.kernel_h, right = left + a.kernel_w;
  Window w{std::max(top, 0), std::max(left, 0), std::min(bottom, in.height), std::min(right, in.width), 0};
  w.counted = a.count_include_pad ? (std::min(bottom, in.height + a.pad_bottom) - top) *
                                        (std::min(right, in.width + a.pad_right) - left)
                                  : (w.bottom - w.top) * (w.right - w.left);
  return w;
}

Values pool(const Operands& o) {
  const Shape& in = o.in_shape[0];
  const bool largest = o.node.op == Op::max_pool;
  return for_each_value(o.out, [&](int c, int y, int x) {
    const Window w = window(o.node.attributes, in, y, x);
    std::int32_t most = -most_value;
    std::int64_t sum = 0;
    for (int from_y = w.top; from_y < w.bottom; ++from_y)
      for (int from_x = w.left; from_x < w.right; ++from_x) {
        const std::int32_t value = (*o.in[0])[at(in, c, from_y, from_x)];
        most = std::max(most, value);
        sum += value;
      }
    return largest ? most : requantised(sum, reciprocal(w.counted), o.most);
  });
}

Values global_mean(const Operands& o) {
  const Shape& in = o.in_shape[0];
  return for_each_value(o.out, [&](int c, int, int) {
    std::int64_t sum = 0;
    for (int y = 0; y < in.height; ++y)
      for (int x = 0; x < in.width; ++x) sum += (*o.in[0])[at(in, c, y, x)];
    return requantised(sum, o.requantise(0), o.most);
  });
}

Values added(const Operands& o) {
  Values out(o.in[0]->size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    std::int64_t sum = 0;
    for (std::size_t k = 0; k < o.in.size(); ++k) sum += std::int64_t((*o.in[k])[i]) * o.requantise(k).multiplier;
    out[i] = clamped(round_shift(sum, o.requantise(0).shift), o.most);
  }
  return out;
}

Values affine(const Operands& o) {
  return for_each_value(o.out, [&](int c, int y, int x) {
    const std::int64_t value = (*o.in[0])[at(o.in_shape[0], c, y, x)];
    return requantised(value * (1 << affine_fraction_bits), o.requantise(static_cast<std::size_t>(c)), o.most);
  });
}

Values concatenated(const Operands& o) {
  Values out;
  for (const Values* in : o.in) out.insert(out.end(), in->begin(), in->end());
  return out;
}

Values limited(const Operands& o, std::int32_t most) {
  Values out = *o.in[0];
  for (std::int32_t& value : out) value = std::min(std::max(value, 0), most);
  return out;
}

Values input_values(const IntegerNetwork& network, const std::uint8_t* picture) {
  const Shape& shape = network.graph.input;
  return for_each_value(shape, [&](int c, int y, int x) -> std::int32_t {
    const std::uint8_t level = picture[(y * shape.width + x) * shape.channels + c];
    return network.input_table.at(static_cast<std::size_t>(c * 256 + level));
  });
}

Values executed(const Operands& o, const IntegerNetwork& network) {
  switch (o.node.op) {
    case Op::conv2d:
      return conv2d(o, network.weights.at(o.node.name));
    case Op::linear:
      return linear(o, network.weights.at(o.node.name));
    case Op::affine:
      return affine(o);
    case Op::relu:
      return limited(o, most_output);
    case Op::relu6:
      return limited(o, o.requantise(0).bias);
    case Op::max_pool:
    case Op::avg_pool:
      return pool(o);
    case Op::global_avg_pool:
      return global_mean(o);
    case Op::add:
      return added(o);
    case Op::concat:
      return concatenated(o);
    case Op::flatten:
    case Op::dropout:
    case Op::softmax:
      return *o.in[0];
    case Op::input:
    case Op::batch_norm:
      break;
  }
  throw std::invalid_argument("node " + o.node.name + " cannot be executed on integers");
}

}  // namespace

std::vector<std::vector<std::int32_t>> reference_values(const IntegerNetwork& network, const std::uint8_t* picture) {
  const std::vector<Shape> shapes = graph::infer_shapes(network.graph);
  std::vector<Values> values;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const graph::Node& node = network.graph.nodes[i];
    if (node.op == Op::input) {
      values.push_back(input_values(network, picture));
      continue;
    }
    const auto found = network.integers.of_node.find(node.name);
    Operands operands{node,      found == network.integers.of_node.end() ? nullptr : &found->second,
                      {},        {},
                      shapes[i], most_of_node(network.graph, i)};
    for (const int input : node.inputs) {
      operands.in.push_back(&values[static_cast<std::size_t>(input)]);
      operands.in_shape.push_back(shapes[static_cast<std::size_t>(input)]);
    }
    values.push_back(executed(operands, network));
  }
  return values;
}

std::vector<float> reference_logits(const IntegerNetwork& network, const std::uint8_t* picture) {
  const float scale = network.integers.scale.at(output_node(network.graph));
  std::vector<float> logits;
  const std::vector<Values> values = reference_values(network, picture);
  for (const std::int32_t value : values.back()) logits.push_back(static_cast<float>(value) * scale);
  return logits;
}

}  // namespace package
}  // namespace automask
