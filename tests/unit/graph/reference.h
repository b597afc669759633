#pragma once
// A slow, plain executor of graphs for tests: one picture, nested loops, FP32 in a fixed order. Masked channels are
// multiplied by 0 at the gates, as training does it.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <stdexcept>
#include <vector>

#include "graph/graph.h"

namespace automask::reference {

struct Activation {
  graph::Shape shape;
  std::vector<float> values;  // [C, H, W]
  float at(int c, int y, int x) const {
    return values[(static_cast<std::size_t>(c) * shape.height + y) * shape.width + x];
  }
};

inline float window_value(const graph::Node& node, const Activation& in, int c, int oy, int ox) {
  const graph::Attributes& a = node.attributes;
  float best = -std::numeric_limits<float>::infinity(), sum = 0;
  int counted = 0;
  for (int ky = 0; ky < a.kernel_h; ++ky)
    for (int kx = 0; kx < a.kernel_w; ++kx) {
      const int y = oy * a.stride_h + ky - a.pad_top, x = ox * a.stride_w + kx - a.pad_left;
      const bool padded = y < in.shape.height + a.pad_bottom && x < in.shape.width + a.pad_right;
      if (a.count_include_pad && padded) ++counted;
      if (y < 0 || x < 0 || y >= in.shape.height || x >= in.shape.width) continue;
      best = std::max(best, in.at(c, y, x));
      sum += in.at(c, y, x);
      if (!a.count_include_pad) ++counted;
    }
  return node.op == graph::Op::max_pool ? best : sum / static_cast<float>(counted);
}

inline float conv_value(const graph::Node& node, const Activation& in, const std::vector<float>& weight, int o, int oy,
                        int ox) {
  graph::Attributes a = node.attributes;
  if (node.op == graph::Op::linear) {  // a 1x1 convolution of features; other attributes mean nothing to it
    a = graph::Attributes();
    a.out_channels = node.attributes.out_channels;
  }
  const int per_group = in.shape.channels / a.groups;
  const int first = o / (a.out_channels / a.groups) * per_group;
  float sum = 0;
  for (int i = 0; i < per_group; ++i)
    for (int ky = 0; ky < a.kernel_h; ++ky)
      for (int kx = 0; kx < a.kernel_w; ++kx) {
        const int y = oy * a.stride_h + ky * a.dilation_h - a.pad_top;
        const int x = ox * a.stride_w + kx * a.dilation_w - a.pad_left;
        if (y < 0 || x < 0 || y >= in.shape.height || x >= in.shape.width) continue;
        sum += weight[((static_cast<std::size_t>(o) * per_group + i) * a.kernel_h + ky) * a.kernel_w + kx] *
               in.at(first + i, y, x);
      }
  return sum;
}

// What a node's channels are multiplied by: their members' mask where a group has a gate here, else 1.
inline std::vector<std::uint8_t> gate_values(const graph::ChannelGroups& groups, int node, const graph::Mask& mask) {
  std::vector<std::uint8_t> values;
  for (const graph::Segment& segment : groups.of_node[node]) {
    const std::vector<int>& gates = groups.groups[segment.group].gates;
    const bool gated = std::count(gates.begin(), gates.end(), node) > 0;
    for (int i = 0; i < segment.members * segment.repeat; ++i)
      values.push_back(gated ? mask[segment.group][segment.first + i / segment.repeat] : 1);
  }
  return values;
}

// A channel of several pictures one after the other.
inline float concat_value(const std::vector<int>& inputs, const std::vector<Activation>& outs, int c, int y, int x) {
  for (const int input : inputs) {
    if (c < outs[input].shape.channels) return outs[input].at(c, y, x);
    c -= outs[input].shape.channels;
  }
  throw std::out_of_range("concat");
}

// exp(x - max) over their sum, which no large x can make infinite.
inline std::vector<float> softmax_values(const std::vector<float>& x) {
  const double largest = *std::max_element(x.begin(), x.end());
  double sum = 0;
  for (const float value : x) sum += std::exp(value - largest);
  std::vector<float> result;
  for (const float value : x) result.push_back(static_cast<float>(std::exp(value - largest) / sum));
  return result;
}

// Outputs of all nodes. An empty mask masks nothing.
inline std::vector<Activation> execute_all(const graph::Graph& net, const graph::TensorMap& weights,
                                           const std::vector<float>& picture, const graph::Mask& mask = {}) {
  using graph::Op;
  const std::vector<graph::Shape> shapes = graph::infer_shapes(net);
  const graph::ChannelGroups groups = graph::channel_groups(net);
  std::vector<Activation> outs;
  for (std::size_t n = 0; n < net.nodes.size(); ++n) {
    const graph::Node& node = net.nodes[n];
    Activation out{shapes[n], std::vector<float>(static_cast<std::size_t>(shapes[n].channels) * shapes[n].height *
                                                 shapes[n].width)};
    const auto tensor = [&](const char* suffix) -> const std::vector<float>& {
      return weights.at(node.name + suffix).data;
    };
    std::size_t i = 0;
    for (int c = 0; c < out.shape.channels; ++c)
      for (int y = 0; y < out.shape.height; ++y)
        for (int x = 0; x < out.shape.width; ++x, ++i) {
          float& value = out.values[i];
          if (node.op == Op::input) {
            value = picture.at(i);
            continue;
          }
          const Activation& in = outs[node.inputs[0]];
          switch (node.op) {
            case Op::conv2d:
            case Op::linear:
              value = conv_value(node, in, tensor(".weight"), c, y, x);
              if (node.attributes.bias) value += tensor(".bias")[c];
              break;
            case Op::batch_norm:
              value = (in.at(c, y, x) - tensor(".running_mean")[c]) /
                          std::sqrt(tensor(".running_var")[c] + static_cast<float>(node.attributes.eps)) *
                          tensor(".weight")[c] +
                      tensor(".bias")[c];
              break;
            case Op::affine:
              value = tensor(".weight")[c] * in.at(c, y, x) + tensor(".bias")[c];
              break;
            case Op::relu:
              value = std::max(in.at(c, y, x), 0.0f);
              break;
            case Op::relu6:
              value = std::min(std::max(in.at(c, y, x), 0.0f), 6.0f);
              break;
            case Op::concat:
              value = concat_value(node.inputs, outs, c, y, x);
              break;
            case Op::dropout:
              value = in.at(c, y, x);
              break;
            case Op::max_pool:
            case Op::avg_pool:
              value = window_value(node, in, c, y, x);
              break;
            case Op::global_avg_pool:
              for (int iy = 0; iy < in.shape.height; ++iy)
                for (int ix = 0; ix < in.shape.width; ++ix) value += in.at(c, iy, ix);
              value /= static_cast<float>(in.shape.height * in.shape.width);
              break;
            case Op::add:
              for (const int input : node.inputs) value += outs[input].values[i];
              break;
            case Op::flatten:
              value = in.values[i];
              break;
            case Op::input:
            case Op::softmax:
              break;
          }
        }
    if (node.op == Op::softmax) out.values = softmax_values(outs[node.inputs[0]].values);
    if (!mask.empty()) {
      const std::vector<std::uint8_t> kept = gate_values(groups, static_cast<int>(n), mask);
      const std::size_t pixels = out.values.size() / kept.size();
      for (std::size_t k = 0; k < out.values.size(); ++k) out.values[k] *= kept[k / pixels];
    }
    outs.push_back(out);
  }
  return outs;
}

inline std::vector<float> execute(const graph::Graph& net, const graph::TensorMap& weights,
                                  const std::vector<float>& picture, const graph::Mask& mask = {}) {
  return execute_all(net, weights, picture, mask).back().values;
}

}  // namespace automask::reference
