#pragma once
// Small networks, weights, pictures and masks for tests; the same on every machine.
#include <cmath>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "graph/graph.h"

namespace automask::networks {

using graph::Attributes;
using graph::Graph;
using graph::Op;

// How many trials of a random test to run: a sixth in unoptimised builds, sanitised ones among them, which are slow.
constexpr int trials(int count) {
#ifdef NDEBUG
  return count;
#else
  return count / 6;
#endif
}

inline Attributes conv(int out, int kernel, int stride = 1, int pad = 0, bool bias = false, int groups = 1) {
  Attributes a;
  a.out_channels = out;
  a.kernel_h = a.kernel_w = kernel;
  a.stride_h = a.stride_w = stride;
  a.pad_top = a.pad_left = a.pad_bottom = a.pad_right = pad;
  a.bias = bias;
  a.groups = groups;
  return a;
}
inline Attributes pool(int kernel, int stride, int pad = 0) { return conv(0, kernel, stride, pad); }
inline Attributes features(int out, bool bias = true) { return conv(out, 1, 1, 0, bias); }

inline Graph start(const std::string& name, int channels, int height, int width) {
  Graph g;
  g.name = name;
  g.input.channels = channels;
  g.input.height = height;
  g.input.width = width;
  g.add("input", Op::input, {});
  return g;
}

// conv, batch_norm and optionally relu; the suffix of the normalisation follows torchvision.
inline int conv_bn(Graph& g, const std::string& conv_name, const std::string& bn_name, int from, Attributes a,
                   bool relu) {
  int at = g.add(conv_name, Op::conv2d, {from}, a);
  at = g.add(bn_name, Op::batch_norm, {at});
  return relu ? g.add(bn_name + ".relu", Op::relu, {at}) : at;
}

inline int head(Graph& g, int from, int classes) {
  const int pooled = g.add("pool", Op::global_avg_pool, {from});
  return g.add("fc", Op::linear, {g.add("flatten", Op::flatten, {pooled})}, features(classes));
}

// LeNet-5 as commonly written for 28x28 (LeCun et al. 1998, with relu and max pooling): a flatten of 5x5 pictures.
inline Graph lenet() {
  Graph g = start("lenet", 1, 28, 28);
  int at = g.add("conv1", Op::conv2d, {0}, conv(6, 5, 1, 2, true));
  at = g.add("relu1", Op::relu, {at});
  at = g.add("pool1", Op::max_pool, {at}, pool(2, 2));
  at = g.add("conv2", Op::conv2d, {at}, conv(16, 5, 1, 0, true));
  at = g.add("relu2", Op::relu, {at});
  at = g.add("pool2", Op::max_pool, {at}, pool(2, 2));
  at = g.add("flatten", Op::flatten, {at});
  at = g.add("fc1", Op::linear, {at}, features(120));
  at = g.add("relu3", Op::relu, {at});
  at = g.add("fc2", Op::linear, {at}, features(84));
  at = g.add("relu4", Op::relu, {at});
  g.add("fc3", Op::linear, {at}, features(10));
  return g;
}

// A chain with every kind of pool, uneven padding, dilation, a stride per axis, and a convolution without norm.
inline Graph chain() {
  Graph g = start("chain", 2, 9, 7);
  Attributes uneven = conv(5, 3);
  uneven.pad_top = 1;
  uneven.pad_right = 2;
  uneven.stride_w = 2;
  int at = conv_bn(g, "conv1", "bn1", 0, uneven, true);
  at = g.add("pool1", Op::avg_pool, {at}, pool(3, 1, 1));
  Attributes dilated = conv(6, 3, 1, 2, true);
  dilated.dilation_h = dilated.dilation_w = 2;
  at = g.add("conv2", Op::conv2d, {at}, dilated);
  at = g.add("relu2", Op::relu, {at});
  at = g.add("pool2", Op::max_pool, {at}, pool(3, 2, 1));
  at = conv_bn(g, "conv3", "bn3", at, conv(4, 1, 1, 0, true), true);
  head(g, at, 3);
  return g;
}

// CIFAR ResNet (He et al. 2016, section 4.2) with projection shortcuts where the shape changes.
inline Graph cifar_resnet(int blocks, int width, int size, int classes = 10) {
  Graph g = start("resnet" + std::to_string(6 * blocks + 2), 3, size, size);
  int at = conv_bn(g, "conv1", "bn1", 0, conv(width, 3, 1, 1), true), channels = width;
  for (int stage = 0; stage < 3; ++stage)
    for (int block = 0; block < blocks; ++block) {
      const std::string name = "layer" + std::to_string(stage + 1) + "." + std::to_string(block);
      const int out = width << stage, stride = stage > 0 && block == 0 ? 2 : 1;
      int main = conv_bn(g, name + ".conv1", name + ".bn1", at, conv(out, 3, stride, 1), true);
      main = conv_bn(g, name + ".conv2", name + ".bn2", main, conv(out, 3, 1, 1), false);
      if (stride != 1 || channels != out)
        at = conv_bn(g, name + ".downsample.0", name + ".downsample.1", at, conv(out, 1, stride), false);
      at = g.add(name + ".relu", Op::relu, {g.add(name + ".add", Op::add, {main, at})});
      channels = out;
    }
  head(g, at, classes);
  return g;
}

// Two inverted residuals (Sandler et al. 2018): depthwise in the middle, linear bottlenecks, one of them added.
inline Graph depthwise() {
  Graph g = start("depthwise", 3, 8, 8);
  int at = conv_bn(g, "stem", "stem_bn", 0, conv(4, 3, 2, 1), true);
  for (int block = 0; block < 2; ++block) {
    const std::string name = "block" + std::to_string(block);
    int main = conv_bn(g, name + ".expand", name + ".expand_bn", at, conv(8, 1), true);
    main = conv_bn(g, name + ".depthwise", name + ".depthwise_bn", main, conv(8, 3, 1, 1, block == 1, 8), true);
    main = conv_bn(g, name + ".project", name + ".project_bn", main, conv(4, 1), false);
    at = g.add(name + ".add", Op::add, {main, at});
  }
  head(g, at, 4);
  return g;
}

// Normalisation before activation and convolution (He et al. 2016, "Identity Mappings"): a bn that follows an add.
inline Graph preactivation() {
  Graph g = start("preactivation", 2, 6, 6);
  int at = g.add("conv1", Op::conv2d, {0}, conv(4, 3, 1, 1));
  for (int block = 0; block < 2; ++block) {
    const std::string name = "block" + std::to_string(block);
    int main = g.add(name + ".relu1", Op::relu, {g.add(name + ".bn1", Op::batch_norm, {at})});
    main = conv_bn(g, name + ".conv1", name + ".bn2", main, conv(5, 3, 1, 1), true);
    main = g.add(name + ".conv2", Op::conv2d, {main}, conv(4, 3, 1, 1));
    at = g.add(name + ".add", Op::add, {main, at});
  }
  at = g.add("relu", Op::relu, {g.add("bn", Op::batch_norm, {at})});
  head(g, at, 3);
  return g;
}

// A grouped convolution in the middle, and a flattened picture into two layers.
inline Graph grouped() {
  Graph g = start("grouped", 2, 6, 6);
  int at = conv_bn(g, "conv1", "bn1", 0, conv(4, 3, 1, 1), true);
  at = conv_bn(g, "conv2", "bn2", at, conv(6, 3, 1, 1, false, 2), true);
  at = conv_bn(g, "conv3", "bn3", at, conv(5, 3, 2, 1), true);
  at = g.add("flatten", Op::flatten, {at});
  at = g.add("fc1", Op::linear, {at}, features(7, false));
  at = g.add("relu_fc", Op::relu, {g.add("bn_fc", Op::batch_norm, {at})});
  g.add("fc2", Op::linear, {at}, features(3));
  return g;
}

// Two inception modules (Szegedy et al. 2015): branches of several lengths, a pool among them, concatenated; pools with
// ceil_mode; dropout and softmax at the end.
inline Graph inception() {
  Graph g = start("inception", 3, 11, 11);
  Attributes up = pool(3, 2);
  up.ceil_mode = true;
  int at = g.add("pool1", Op::max_pool, {conv_bn(g, "conv1", "bn1", 0, conv(6, 3, 1, 1), true)}, up);
  for (int module = 0; module < 2; ++module) {
    const std::string name = "inception" + std::to_string(module);
    const int one = conv_bn(g, name + ".1.conv", name + ".1.bn", at, conv(4, 1), true);
    int two = conv_bn(g, name + ".2.0.conv", name + ".2.0.bn", at, conv(3, 1), true);
    two = conv_bn(g, name + ".2.1.conv", name + ".2.1.bn", two, conv(5, 3, 1, 1), true);
    int three = g.add(name + ".3.pool", Op::max_pool, {at}, pool(3, 1, 1));
    three = conv_bn(g, name + ".3.conv", name + ".3.bn", three, conv(2, 1), true);
    at = g.add(name + ".concat", Op::concat, {one, two, three});
  }
  Attributes padded = pool(2, 2, 1);
  padded.ceil_mode = padded.count_include_pad = true;
  at = g.add("pool2", Op::avg_pool, {at}, padded);
  at = g.add("dropout", Op::dropout, {g.add("flatten", Op::flatten, {at})});
  at = g.add("fc", Op::linear, {at}, features(3));
  g.add("softmax", Op::softmax, {at});
  return g;
}

// Dense connections (Huang et al. 2017): each normalisation stands behind a concat and sees several groups at once; a
// depthwise convolution with two filters a channel, a grouped one, relu6, and a concat that is added to a convolution.
inline Graph dense() {
  Graph g = start("dense", 2, 7, 7);
  int at = conv_bn(g, "conv1", "bn1", 0, conv(4, 3, 1, 1), true);
  for (int layer = 0; layer < 2; ++layer) {
    const std::string name = "layer" + std::to_string(layer);
    int grown = g.add(name + ".norm", Op::batch_norm, {at});
    grown = g.add(name + ".relu", Op::relu6, {grown});
    grown = g.add(name + ".conv", Op::conv2d, {grown}, conv(3, 3, 1, 1, true));
    at = g.add(name + ".concat", Op::concat, {at, grown});
  }
  const int other = conv_bn(g, "other", "other_bn", at, conv(10, 1), false);
  at = g.add("relu", Op::relu6, {g.add("add", Op::add, {at, other})});
  at = conv_bn(g, "depthwise", "depthwise_bn", at, conv(20, 3, 2, 1, false, 10), true);
  at = conv_bn(g, "grouped", "grouped_bn", at, conv(12, 3, 1, 1, true, 4), true);
  Attributes tall = conv(6, 3, 1, 2);
  tall.dilation_h = 2;
  at = g.add("last", Op::conv2d, {at}, tall);
  head(g, at, 4);
  return g;
}

inline std::vector<Graph> all() {
  return {lenet(), chain(), cifar_resnet(1, 4, 8), depthwise(), preactivation(), grouped(), inception(), dense()};
}

inline float uniform(std::mt19937& random, float low, float high) {
  return low + (high - low) * static_cast<float>(random() >> 8) * 0x1p-24f;
}

inline graph::TensorMap random_weights(const Graph& g, std::mt19937& random) {
  graph::TensorMap weights;
  for (const auto& [name, shape] : graph::parameter_shapes(g)) {
    graph::Tensor t{shape, {}};
    std::int64_t values = 1, fan_in = 1;
    for (const auto n : shape) values *= n;
    for (std::size_t i = 1; i < shape.size(); ++i) fan_in *= shape[i];
    const float scale = shape.size() > 1 ? 2.0f / std::sqrt(static_cast<float>(fan_in)) : 1.0f;
    const bool positive = name.ends_with(".running_var");
    for (std::int64_t i = 0; i < values; ++i)
      t.data.push_back(positive ? uniform(random, 0.3f, 2.0f) : scale * uniform(random, -1, 1));
    weights[name] = std::move(t);
  }
  return weights;
}

inline std::vector<float> random_picture(const Graph& g, std::mt19937& random) {
  std::vector<float> picture(static_cast<std::size_t>(g.input.channels) * g.input.height * g.input.width);
  for (float& value : picture) value = uniform(random, -2, 2);
  return picture;
}

// Keeps each maskable channel with probability `keep`, one per group at least.
inline graph::Mask random_mask(const graph::ChannelGroups& groups, std::mt19937& random, float keep = 0.6f) {
  graph::Mask mask = graph::full_mask(groups);
  for (std::size_t g = 0; g < mask.size(); ++g) {
    if (!groups.groups[g].maskable) continue;
    for (auto& bit : mask[g]) bit = uniform(random, 0, 1) < keep;
    mask[g][random() % mask[g].size()] = 1;
  }
  return mask;
}

}  // namespace automask::networks
