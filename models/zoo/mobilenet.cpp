// MobileNetV2 (Sandler et al., CVPR 2018, arXiv:1801.04381, table 2) with torchvision's names.
#include "models/zoo/builder.h"

namespace automask::models {
namespace {

// torchvision's Conv2dNormActivation: convolution, normalisation and activation are numbers 0, 1 and 2 of `name`.
int activated(Builder& build, const std::string& name, int from, int channels, const Window& window) {
  const int x = build.conv(name + ".0", from, channels, window);
  return build.relu6(name + ".2", build.batch_norm(name + ".1", x));
}

int inverted_residual(Builder& build, const std::string& name, int from, int in, int out, int expansion, int stride) {
  const int hidden = in * expansion;
  int x = from, part = 0;
  const auto next = [&] { return name + ".conv." + std::to_string(part++); };
  if (expansion != 1) x = activated(build, next(), x, hidden, {});
  x = activated(build, next(), x, hidden, {3, stride, 1, hidden});
  x = build.conv(next(), x, out, {});
  x = build.batch_norm(next(), x);
  return stride == 1 && in == out ? build.node(name + ".add", graph::Op::add, {x, from}) : x;
}

}  // namespace

void build_mobilenet_v2(Builder& build) {
  const struct {
    int expansion, channels, repeats, stride;
  } stages[] = {{1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
                {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
  int x = activated(build, "features.0", 0, 32, {3, 2, 1});
  int channels = 32, number = 1;
  for (const auto& stage : stages)
    for (int i = 0; i < stage.repeats; ++i) {
      x = inverted_residual(build, "features." + std::to_string(number++), x, channels, stage.channels, stage.expansion,
                            i == 0 ? stage.stride : 1);
      channels = stage.channels;
    }
  x = activated(build, "features." + std::to_string(number), x, 1280, {});
  x = build.dropout("classifier.0", build.pooled_features(x), 0.2);
  build.linear("classifier.1", x, build.classes());
}

}  // namespace automask::models
