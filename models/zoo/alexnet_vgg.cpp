// AlexNet as in "One weird trick" (Krizhevsky, arXiv:1404.5997) and VGG-16, configuration D of Simonyan and Zisserman
// (arXiv:1409.1556), with torchvision's names: numbered layers in "features" and "classifier".
#include "models/zoo/builder.h"

namespace automask::models {
namespace {

// Counts layers as torch.nn.Sequential does.
class Sequence {
 public:
  explicit Sequence(std::string name) : name_(std::move(name)) {}
  std::string next() { return name_ + "." + std::to_string(count_++); }

 private:
  std::string name_;
  int count_ = 0;
};

int hidden(Builder& build, Sequence& layers, int x, int features) {
  x = build.linear(layers.next(), x, features);
  return build.relu(layers.next(), x);
}

}  // namespace

void build_alexnet(Builder& build) {
  Sequence features("features"), classifier("classifier");
  const auto conv = [&](int from, int channels, const Window& window) {
    const int x = build.conv(features.next(), from, channels, window);
    return build.relu(features.next(), x);
  };
  const auto pool = [&](int from) { return build.max_pool(features.next(), from, {3, 2}); };
  int x = pool(conv(0, 64, {11, 4, 2, 1, true}));
  x = pool(conv(x, 192, {5, 1, 2, 1, true}));
  x = conv(x, 384, {3, 1, 1, 1, true});
  x = conv(x, 256, {3, 1, 1, 1, true});
  x = pool(conv(x, 256, {3, 1, 1, 1, true}));
  x = build.pool_to("avgpool", x, 6, "take pictures of 224x224 or 448x448");
  x = build.node("flatten", graph::Op::flatten, {x});
  for (int layer = 0; layer < 2; ++layer) {
    x = build.dropout(classifier.next(), x, 0.5);
    x = hidden(build, classifier, x, 4096);
  }
  build.linear(classifier.next(), x, build.classes());
}

void build_vgg16(Builder& build, bool batch_norm) {
  Sequence features("features"), classifier("classifier");
  int x = 0;
  const struct { int convolutions, channels; } stages[] = {{2, 64}, {2, 128}, {3, 256}, {3, 512}, {3, 512}};
  for (const auto& stage : stages) {
    for (int layer = 0; layer < stage.convolutions; ++layer) {
      x = build.conv(features.next(), x, stage.channels, {3, 1, 1, 1, true});
      if (batch_norm) x = build.batch_norm(features.next(), x);
      x = build.relu(features.next(), x);
    }
    x = build.max_pool(features.next(), x, {2, 2});
  }
  x = build.pool_to("avgpool", x, 7, "take pictures whose sides are multiples of 224");
  x = build.node("flatten", graph::Op::flatten, {x});
  for (int layer = 0; layer < 2; ++layer) {
    x = hidden(build, classifier, x, 4096);
    x = build.dropout(classifier.next(), x, 0.5);
  }
  build.linear(classifier.next(), x, build.classes());
}

}  // namespace automask::models
