// Residual networks (He et al., CVPR 2016, arXiv:1512.03385) with torchvision's names: those for ImageNet of table 1,
// and those of section 4.2 for small pictures. Bottlenecks stride in the 3x3 convolution, as torchvision's ("v1.5").
#include "models/zoo/builder.h"

namespace automask::models {
namespace {

// A convolution with its normalisation; number 2 of block "layer1.0" gives layer1.0.conv2 and layer1.0.bn2.
int normalised(Builder& build, const std::string& block, int number, int from, int channels, const Window& window) {
  const std::string suffix = std::to_string(number);
  return build.batch_norm(block + ".bn" + suffix, build.conv(block + ".conv" + suffix, from, channels, window));
}

// The shortcut is a 1x1 convolution where shapes change (option B of the paper).
int block(Builder& build, const std::string& name, int from, int width, int stride, bool bottleneck, bool project) {
  const int channels = bottleneck ? 4 * width : width;
  int x = normalised(build, name, 1, from, width, bottleneck ? Window{} : Window{3, stride, 1});
  x = build.relu(name + ".relu1", x);
  x = normalised(build, name, 2, x, width, {3, bottleneck ? stride : 1, 1});
  if (bottleneck) {
    x = build.relu(name + ".relu2", x);
    x = normalised(build, name, 3, x, channels, {});
  }
  int shortcut = from;
  if (project) {
    shortcut = build.conv(name + ".downsample.0", from, channels, {1, stride});
    shortcut = build.batch_norm(name + ".downsample.1", shortcut);
  }
  x = build.node(name + ".add", graph::Op::add, {x, shortcut});
  return build.relu(name + (bottleneck ? ".relu3" : ".relu2"), x);
}

}  // namespace

void build_resnet(Builder& build, const std::vector<int>& blocks, bool bottleneck) {
  int x = build.conv("conv1", 0, 64, {7, 2, 3});
  x = build.relu("relu", build.batch_norm("bn1", x));
  x = build.max_pool("maxpool", x, {3, 2, 1});
  for (int stage = 0; stage < 4; ++stage)
    for (int i = 0; i < blocks[static_cast<std::size_t>(stage)]; ++i) {
      const std::string name = "layer" + std::to_string(stage + 1) + "." + std::to_string(i);
      const bool first = i == 0, project = first && (stage > 0 || bottleneck);
      x = block(build, name, x, 64 << stage, first && stage > 0 ? 2 : 1, bottleneck, project);
    }
  build.linear("fc", build.pooled_features(x), build.classes());
}

void build_cifar_resnet(Builder& build, int blocks, int width, int stages, int stem_stride) {
  int x = build.conv("conv1", 0, width, {3, stem_stride, 1});
  x = build.relu("relu", build.batch_norm("bn1", x));
  for (int stage = 0; stage < stages; ++stage)
    for (int i = 0; i < blocks; ++i) {
      const bool narrows = stage > 0 && i == 0;
      x = block(build, "layer" + std::to_string(stage + 1) + "." + std::to_string(i), x, width << stage,
                narrows ? 2 : 1, false, narrows);
    }
  build.linear("fc", build.pooled_features(x), build.classes());
}

}  // namespace automask::models
