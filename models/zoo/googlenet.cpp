// GoogLeNet (Szegedy et al., CVPR 2015, arXiv:1409.4842, table 1) as torchvision has it: with normalisation, and with
// 3x3 convolutions where the paper has 5x5 ("branch3"). The auxiliary classifiers serve training only and are left out.
#include "models/zoo/builder.h"

namespace automask::models {
namespace {

constexpr double eps = 1e-3;  // torchvision's BasicConv2d

int basic(Builder& build, const std::string& name, int from, int channels, const Window& window) {
  const int x = build.conv(name + ".conv", from, channels, window);
  return build.relu(name + ".relu", build.batch_norm(name + ".bn", x, eps));
}

struct Inception {
  const char* name;
  int one;           // 1x1
  int reduce3, of3;  // 1x1, 3x3
  int reduce5, of5;  // 1x1, the paper's 5x5
  int pooled;        // 1x1 behind a pool
};

int inception(Builder& build, const Inception& m, int from) {
  const std::string name = std::string("inception") + m.name;
  const int branch1 = basic(build, name + ".branch1", from, m.one, {});
  int branch2 = basic(build, name + ".branch2.0", from, m.reduce3, {});
  branch2 = basic(build, name + ".branch2.1", branch2, m.of3, {3, 1, 1});
  int branch3 = basic(build, name + ".branch3.0", from, m.reduce5, {});
  branch3 = basic(build, name + ".branch3.1", branch3, m.of5, {3, 1, 1});
  int branch4 = build.max_pool(name + ".branch4.0", from, {3, 1, 1}, true);
  branch4 = basic(build, name + ".branch4.1", branch4, m.pooled, {});
  return build.node(name + ".concat", graph::Op::concat, {branch1, branch2, branch3, branch4});
}

}  // namespace

void build_googlenet(Builder& build) {
  int x = basic(build, "conv1", 0, 64, {7, 2, 3});
  x = build.max_pool("maxpool1", x, {3, 2}, true);
  x = basic(build, "conv2", x, 64, {});
  x = basic(build, "conv3", x, 192, {3, 1, 1});
  x = build.max_pool("maxpool2", x, {3, 2}, true);
  for (const Inception& m : {Inception{"3a", 64, 96, 128, 16, 32, 32}, {"3b", 128, 128, 192, 32, 96, 64}})
    x = inception(build, m, x);
  x = build.max_pool("maxpool3", x, {3, 2}, true);
  for (const Inception& m : {Inception{"4a", 192, 96, 208, 16, 48, 64},
                             {"4b", 160, 112, 224, 24, 64, 64},
                             {"4c", 128, 128, 256, 24, 64, 64},
                             {"4d", 112, 144, 288, 32, 64, 64},
                             {"4e", 256, 160, 320, 32, 128, 128}})
    x = inception(build, m, x);
  x = build.max_pool("maxpool4", x, {2, 2}, true);
  for (const Inception& m : {Inception{"5a", 256, 160, 320, 32, 128, 128}, {"5b", 384, 192, 384, 48, 128, 128}})
    x = inception(build, m, x);
  x = build.dropout("dropout", build.pooled_features(x), 0.2);
  build.linear("fc", x, build.classes());
}

}  // namespace automask::models
