#pragma once
// Small networks with random weights, and a slow execution of them in double precision to compare with.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "hw_targets/package/package.h"

namespace automask::cpu {

// Builds a graph node by node; each function returns the node's index.
struct Builder {
  explicit Builder(graph::Shape input) {
    network.name = "test";
    network.input = input;
    network.add("input", graph::Op::input, {});
  }
  int conv(int from, int channels, int kernel, int stride = 1, int pad = 0, int groups = 1, bool bias = true,
           int dilation = 1) {
    graph::Attributes a;
    a.out_channels = channels;
    a.kernel_h = a.kernel_w = kernel;
    a.stride_h = a.stride_w = stride;
    a.pad_top = a.pad_left = a.pad_bottom = a.pad_right = pad;
    a.groups = groups;
    a.bias = bias;
    a.dilation_h = a.dilation_w = dilation;
    return node(graph::Op::conv2d, {from}, a);
  }
  int linear(int from, int features, bool bias = true) {
    graph::Attributes a;
    a.out_channels = features;
    a.bias = bias;
    return node(graph::Op::linear, {from}, a);
  }
  int pool(graph::Op op, int from, int kernel, int stride, int pad = 0) {
    graph::Attributes a;
    a.kernel_h = a.kernel_w = kernel;
    a.stride_h = a.stride_w = stride;
    a.pad_top = a.pad_left = a.pad_bottom = a.pad_right = pad;
    return node(op, {from}, a);
  }
  int relu(int from) { return node(graph::Op::relu, {from}); }
  int add(std::vector<int> from) { return node(graph::Op::add, std::move(from)); }
  int node(graph::Op op, std::vector<int> from, graph::Attributes attributes = {}) {
    return network.add("n" + std::to_string(network.nodes.size()), op, std::move(from), attributes);
  }
  int classify(int from, int classes) {
    return linear(node(graph::Op::flatten, {node(graph::Op::global_avg_pool, {from})}), classes);
  }

  graph::Graph network;
};

inline graph::TensorMap random_weights(const graph::Graph& graph, unsigned seed) {
  std::mt19937 random(seed);
  graph::TensorMap weights;
  for (const auto& [name, shape] : graph::parameter_shapes(graph)) {
    graph::Tensor tensor{shape, {}};
    std::int64_t count = 1, fan_in = 1;
    for (std::size_t i = 0; i < shape.size(); ++i) {
      count *= shape[i];
      if (i > 0) fan_in *= shape[i];
    }
    std::uniform_real_distribution<float> value(-1.7f / std::sqrt(static_cast<float>(fan_in)),
                                                1.7f / std::sqrt(static_cast<float>(fan_in)));
    for (std::int64_t i = 0; i < count; ++i) tensor.data.push_back(value(random));
    weights[name] = std::move(tensor);
  }
  return weights;
}

inline std::vector<std::uint8_t> random_picture(const graph::Shape& shape, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<std::uint8_t> picture(static_cast<std::size_t>(shape.channels * shape.height * shape.width));
  for (auto& value : picture) value = static_cast<std::uint8_t>(random());
  return picture;
}

// So many of them, of seeds 0, 1, ..., as runners are given them.
inline std::vector<std::string> random_pictures(const graph::Shape& shape, unsigned count) {
  std::vector<std::string> pictures;
  for (unsigned seed = 0; seed < count; ++seed) {
    const auto picture = random_picture(shape, seed);
    pictures.emplace_back(picture.begin(), picture.end());
  }
  return pictures;
}

// One activation, [C, H, W].
struct Activation {
  graph::Shape shape;
  std::vector<double> values;
  double& at(int c, int y, int x) { return values[static_cast<std::size_t>((c * shape.height + y) * shape.width + x)]; }
  bool inside(int y, int x) const { return y >= 0 && y < shape.height && x >= 0 && x < shape.width; }
};

class SlowNetwork {
 public:
  SlowNetwork(const package::PlainNetwork& plain, std::vector<float> mean, std::vector<float> deviation)
      : plain_(plain), mean_(std::move(mean)), deviation_(std::move(deviation)) {}

  std::vector<double> run(const std::vector<std::uint8_t>& picture) {
    const auto shapes = graph::infer_shapes(plain_.graph);
    std::vector<Activation> values;
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      Activation out{shapes[i], std::vector<double>(
                                    static_cast<std::size_t>(shapes[i].channels * shapes[i].height * shapes[i].width))};
      execute(plain_.graph.nodes[i], picture, values, out);
      values.push_back(std::move(out));
    }
    return values.back().values;
  }

 private:
  const graph::Tensor* tensor(const graph::Node& node, const char* part) const {
    const auto found = plain_.weights.find(node.name + part);
    return found == plain_.weights.end() ? nullptr : &found->second;
  }

  void execute(const graph::Node& node, const std::vector<std::uint8_t>& picture, std::vector<Activation>& values,
               Activation& out) {
    const graph::Tensor* weight = tensor(node, ".weight");
    const graph::Tensor* bias = tensor(node, ".bias");
    const auto input = [&](std::size_t i) -> Activation& { return values[static_cast<std::size_t>(node.inputs[i])]; };
    for (int c = 0; c < out.shape.channels; ++c)
      for (int y = 0; y < out.shape.height; ++y)
        for (int x = 0; x < out.shape.width; ++x) {
          const auto channel = static_cast<std::size_t>(c);
          double& value = out.at(c, y, x);
          switch (node.op) {
            case graph::Op::input: {
              const auto at = static_cast<std::size_t>((y * out.shape.width + x) * out.shape.channels + c);
              value = (picture[at] / 255.0 - mean_[channel]) / deviation_[channel];
              break;
            }
            case graph::Op::conv2d:
              value = convolve(node, input(0), *weight, out.shape.channels, c, y, x) + (bias ? bias->data[channel] : 0);
              break;
            case graph::Op::linear: {
              const std::vector<double>& in = input(0).values;
              value = bias ? bias->data[channel] : 0;
              for (std::size_t k = 0; k < in.size(); ++k) value += in[k] * weight->data[channel * in.size() + k];
              break;
            }
            case graph::Op::affine:
              value = input(0).at(c, y, x) * weight->data[channel] + bias->data[channel];
              break;
            case graph::Op::relu:
              value = std::max(input(0).at(c, y, x), 0.0);
              break;
            case graph::Op::relu6:
              value = std::min(std::max(input(0).at(c, y, x), 0.0), 6.0);
              break;
            case graph::Op::dropout:
              value = input(0).at(c, y, x);
              break;
            case graph::Op::concat: {
              std::size_t i = 0;
              int own = c;
              while (own >= input(i).shape.channels) own -= input(i++).shape.channels;
              value = input(i).at(own, y, x);
              break;
            }
            case graph::Op::softmax: {
              double sum = 0;
              for (const double other : input(0).values) sum += std::exp(other - input(0).values[channel]);
              value = 1 / sum;
              break;
            }
            case graph::Op::add:
              for (std::size_t i = 0; i < node.inputs.size(); ++i) value += input(i).at(c, y, x);
              break;
            case graph::Op::flatten:
              value = input(0).values[channel];
              break;
            default:
              value = pool(node, input(0), c, y, x);
          }
        }
  }

  static double convolve(const graph::Node& node, Activation& in, const graph::Tensor& weight, int out_channels, int c,
                         int y, int x) {
    const graph::Attributes& a = node.attributes;
    const int in_group = in.shape.channels / a.groups, group = c / (out_channels / a.groups);
    double sum = 0;
    for (int i = 0; i < in_group; ++i)
      for (int ky = 0; ky < a.kernel_h; ++ky)
        for (int kx = 0; kx < a.kernel_w; ++kx) {
          const int sy = y * a.stride_h - a.pad_top + ky * a.dilation_h,
                    sx = x * a.stride_w - a.pad_left + kx * a.dilation_w;
          if (in.inside(sy, sx))
            sum += in.at(group * in_group + i, sy, sx) *
                   weight.data[static_cast<std::size_t>(((c * in_group + i) * a.kernel_h + ky) * a.kernel_w + kx)];
        }
    return sum;
  }

  static double pool(const graph::Node& node, Activation& in, int c, int y, int x) {
    graph::Attributes a = node.attributes;
    if (node.op == graph::Op::global_avg_pool) {
      a = graph::Attributes();
      a.kernel_h = in.shape.height;
      a.kernel_w = in.shape.width;
    }
    double sum = 0, largest = -std::numeric_limits<double>::infinity();
    int pixels = 0;
    for (int ky = 0; ky < a.kernel_h; ++ky)
      for (int kx = 0; kx < a.kernel_w; ++kx) {
        const int sy = y * a.stride_h - a.pad_top + ky, sx = x * a.stride_w - a.pad_left + kx;
        const bool padded = sy < in.shape.height + a.pad_bottom && sx < in.shape.width + a.pad_right;
        if (a.count_include_pad ? padded : in.inside(sy, sx)) ++pixels;
        if (!in.inside(sy, sx)) continue;
        sum += in.at(c, sy, sx);
        largest = std::max(largest, in.at(c, sy, sx));
      }
    return node.op == graph::Op::max_pool ? largest : sum / pixels;
  }

  const package::PlainNetwork& plain_;
  std::vector<float> mean_, deviation_;
};

}  // namespace automask::cpu
