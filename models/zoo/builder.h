#pragma once
// What the families of the zoo share: appends nodes to a graph, each call returns the new node's index. Inside this
// room only.
#include <string>
#include <utility>
#include <vector>

#include "graph/graph.h"

namespace automask::models {

struct Window {
  int kernel = 1, stride = 1, pad = 0;  // square, padded alike on all sides
  int groups = 1;
  bool bias = false;
};

class Builder {
 public:
  // `graph` needs its input's shape; the input node is added here, as node 0.
  Builder(graph::Graph& graph, int classes) : graph_(graph), classes_(classes) { node("input", graph::Op::input, {}); }

  int classes() const { return classes_; }
  graph::Shape input() const { return graph_.input; }

  int node(const std::string& name, graph::Op op, std::vector<int> from, const graph::Attributes& attributes = {}) {
    return graph_.add(name, op, std::move(from), attributes);
  }
  int conv(const std::string& name, int from, int channels, const Window& window) {
    graph::Attributes a = attributes(window);
    a.out_channels = channels;
    a.groups = window.groups;
    a.bias = window.bias;
    return node(name, graph::Op::conv2d, {from}, a);
  }
  int batch_norm(const std::string& name, int from, double eps = 1e-5) {
    graph::Attributes a;
    a.eps = eps;
    return node(name, graph::Op::batch_norm, {from}, a);
  }
  int relu(const std::string& name, int from) { return node(name, graph::Op::relu, {from}); }
  int relu6(const std::string& name, int from) { return node(name, graph::Op::relu6, {from}); }
  int max_pool(const std::string& name, int from, const Window& window, bool ceil_mode = false) {
    graph::Attributes a = attributes(window);
    a.ceil_mode = ceil_mode;
    return node(name, graph::Op::max_pool, {from}, a);
  }
  int dropout(const std::string& name, int from, double probability) {
    graph::Attributes a;
    a.probability = probability;
    return node(name, graph::Op::dropout, {from}, a);
  }
  int linear(const std::string& name, int from, int features) {
    graph::Attributes a;
    a.out_channels = features;
    a.bias = true;
    return node(name, graph::Op::linear, {from}, a);
  }
  int pooled_features(int from) {
    return node("flatten", graph::Op::flatten, {node("avgpool", graph::Op::global_avg_pool, {from})});
  }

  // PyTorch's AdaptiveAvgPool2d(side) as an average over equal windows: none where the picture has that side already.
  // Throws GraphError where the windows would differ, and says which pictures fit.
  int pool_to(const std::string& name, int from, int side, const std::string& fitting);

 private:
  static graph::Attributes attributes(const Window& window) {
    graph::Attributes a;
    a.kernel_h = a.kernel_w = window.kernel;
    a.stride_h = a.stride_w = window.stride;
    a.pad_top = a.pad_left = a.pad_bottom = a.pad_right = window.pad;
    return a;
  }

  graph::Graph& graph_;
  int classes_;
};

// The families; nodes are named as the state dict of the origin names them. Each ends with the logits.
void build_alexnet(Builder& build);
void build_vgg16(Builder& build, bool batch_norm);
// Blocks per stage; bottlenecks of 1x1, 3x3, 1x1 convolutions, or two 3x3 convolutions.
void build_resnet(Builder& build, const std::vector<int>& blocks, bool bottleneck);
// 6 blocks + 2 layers; `width` channels in the first stage, twice as many in each further one.
void build_cifar_resnet(Builder& build, int blocks, int width, int stages, int stem_stride);
void build_mobilenet_v2(Builder& build);
void build_squeezenet1_1(Builder& build);
void build_googlenet(Builder& build);
// EfficientNet's compound scaling of width and depth, and the dropout in front of the classifier.
void build_efficientnet_lite(Builder& build, double width, double depth, double dropout);

}  // namespace automask::models
