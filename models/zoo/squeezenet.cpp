// SqueezeNet 1.1 (Iandola et al., arXiv:1602.07360; 1.1 is the authors' second release, with 2.4 times less
// computation) with torchvision's names.
#include "models/zoo/builder.h"

namespace automask::models {
namespace {

int fire(Builder& build, const std::string& name, int from, int squeezed, int expanded) {
  const auto part = [&](const std::string& suffix, int x, int channels, int kernel) {
    x = build.conv(name + "." + suffix, x, channels, {kernel, 1, kernel / 2, 1, true});
    return build.relu(name + "." + suffix + "_activation", x);
  };
  const int x = part("squeeze", from, squeezed, 1);
  return build.node(name + ".concat", graph::Op::concat,
                    {part("expand1x1", x, expanded, 1), part("expand3x3", x, expanded, 3)});
}

}  // namespace

void build_squeezenet1_1(Builder& build) {
  int number = 0;
  const auto next = [&] { return "features." + std::to_string(number++); };
  const auto pool = [&](int x) { return build.max_pool(next(), x, {3, 2}, true); };
  int x = build.conv(next(), 0, 64, {3, 2, 0, 1, true});
  x = pool(build.relu(next(), x));
  const struct {
    int squeezed, expanded;
    bool pooled;
  } modules[] = {{16, 64, false},  {16, 64, true},   {32, 128, false}, {32, 128, true},
                 {48, 192, false}, {48, 192, false}, {64, 256, false}, {64, 256, false}};
  for (const auto& module : modules) {
    x = fire(build, next(), x, module.squeezed, module.expanded);
    if (module.pooled) x = pool(x);
  }
  x = build.dropout("classifier.0", x, 0.5);
  x = build.conv("classifier.1", x, build.classes(), {1, 1, 0, 1, true});
  build.pooled_features(build.relu("classifier.2", x));
}

}  // namespace automask::models
