#include "models/zoo.h"

#include <algorithm>
#include <functional>

#include "models/zoo/builder.h"

namespace automask::models {
namespace {

// Options of the residual networks for small pictures; the other networks are as published.
struct Options {
  int width = 16, stages = 3, stem_stride = 1;
};

struct Member {
  ZooEntry entry;
  std::function<void(Builder&, const Options&)> build;
  bool has_options = false;
  Options defaults;
};

// torchvision's presets for its first weights of each network: short side to 256, bilinear, mean and deviation of
// ImageNet.
Preprocessing torchvision() {
  return {{3, 224, 224}, {256, Interpolation::bilinear}, {{0.485F, 0.456F, 0.406F}, {0.229F, 0.224F, 0.225F}}};
}

// torchvision's GoogLeNet was trained elsewhere: its weights come with transform_input, which undoes ImageNet's scaling
// in favour of (x - 0.5) / 0.5.
Preprocessing googlenet_preprocessing() {
  Preprocessing p = torchvision();
  p.scaling = {{0.5F, 0.5F, 0.5F}, {0.5F, 0.5F, 0.5F}};
  return p;
}

// github.com/tensorflow/tpu, models/official/efficientnet: preprocessing.py cuts the centre square of side / (side +
// 32) of the short side and resizes it, bicubic; lite/efficientnet_lite_builder.py has mean 127 and deviation 128.
Preprocessing lite_preprocessing(int side) {
  const float mean = 127.0F / 255, deviation = 128.0F / 255;
  return {
      {3, side, side}, {side + 32, Interpolation::bicubic}, {{mean, mean, mean}, {deviation, deviation, deviation}}};
}

Member published(const char* name, const char* summary, const Preprocessing& preprocessing,
                 std::function<void(Builder&)> build, std::vector<std::string> ignored = {}) {
  return {{name, summary, preprocessing, true, 1000, std::move(ignored)},
          [build = std::move(build)](Builder& b, const Options&) { build(b); },
          false,
          {}};
}

Member small(const char* name, const char* summary, int blocks, int width, int stem_stride) {
  const Preprocessing cifar = {{3, 32, 32}, {}, {{0, 0, 0}, {1, 1, 1}}};
  return {{name, summary, cifar, false, 10, {}},
          [blocks](Builder& b, const Options& o) { build_cifar_resnet(b, blocks, o.width, o.stages, o.stem_stride); },
          true,
          {width, 3, stem_stride}};
}

const std::vector<Member>& members() {
  static const std::vector<Member> table = {
      small("tinynet", "residual network of 8 layers and width 4 at half resolution, for smoke tests", 1, 4, 2),
      small("resnet8", "6n + 2 layers with n = 1, for 28x28 and 32x32 pictures (He et al., CVPR 2016, section 4.2)", 1,
            16, 1),
      small("resnet14", "6n + 2 layers with n = 2, for 28x28 and 32x32 pictures (He et al., CVPR 2016, section 4.2)", 2,
            16, 1),
      small("resnet20", "6n + 2 layers with n = 3, for 28x28 and 32x32 pictures (He et al., CVPR 2016, section 4.2)", 3,
            16, 1),
      published("alexnet", "AlexNet of one column (Krizhevsky, arXiv:1404.5997), torchvision's", torchvision(),
                build_alexnet),
      published("vgg16", "VGG-16, configuration D (Simonyan and Zisserman, ICLR 2015), torchvision's", torchvision(),
                [](Builder& b) { build_vgg16(b, false); }),
      published("vgg16_bn", "VGG-16 with batch normalisation, torchvision's", torchvision(),
                [](Builder& b) { build_vgg16(b, true); }),
      published("resnet18", "residual network of 18 layers (He et al., CVPR 2016, table 1), torchvision's",
                torchvision(),
                [](Builder& b) {
                  build_resnet(b, {2, 2, 2, 2}, false);
                }),
      published("resnet34", "residual network of 34 layers (He et al., CVPR 2016, table 1), torchvision's",
                torchvision(),
                [](Builder& b) {
                  build_resnet(b, {3, 4, 6, 3}, false);
                }),
      published("resnet50", "residual network of 50 layers (He et al., CVPR 2016, table 1), torchvision's v1.5",
                torchvision(),
                [](Builder& b) {
                  build_resnet(b, {3, 4, 6, 3}, true);
                }),
      published("mobilenet_v2", "MobileNetV2 of width 1 (Sandler et al., CVPR 2018), torchvision's", torchvision(),
                build_mobilenet_v2),
      published("squeezenet1_1", "SqueezeNet 1.1 (Iandola et al., arXiv:1602.07360), torchvision's", torchvision(),
                build_squeezenet1_1),
      published("googlenet", "GoogLeNet with batch normalisation (Szegedy et al., CVPR 2015), torchvision's",
                googlenet_preprocessing(), build_googlenet, {"aux1.", "aux2."}),
      published("efficientnet_lite0", "EfficientNet-Lite0 (Tan and Le, ICML 2019), efficientnet_lite_pytorch's",
                lite_preprocessing(224), [](Builder& b) { build_efficientnet_lite(b, 1.0, 1.0, 0.2); }),
      published("efficientnet_lite1", "EfficientNet-Lite1 (Tan and Le, ICML 2019), efficientnet_lite_pytorch's",
                lite_preprocessing(240), [](Builder& b) { build_efficientnet_lite(b, 1.0, 1.1, 0.2); }),
      published("efficientnet_lite2", "EfficientNet-Lite2 (Tan and Le, ICML 2019), efficientnet_lite_pytorch's",
                lite_preprocessing(260), [](Builder& b) { build_efficientnet_lite(b, 1.1, 1.2, 0.3); }),
  };
  return table;
}

const Member* find_member(const std::string& name) {
  const auto& table = members();
  const auto found = std::find_if(table.begin(), table.end(), [&](const Member& m) { return m.entry.name == name; });
  return found == table.end() ? nullptr : &*found;
}

graph::Graph build(const Member& member, const Options& options, graph::Shape input, int classes) {
  graph::Graph graph;
  graph.name = member.entry.name;
  graph.input = input;
  Builder builder(graph, classes);
  member.build(builder, options);
  return graph;
}

Options read_options(const core::JsonCursor& cursor, const Member& member) {
  if (!member.has_options) {
    cursor.only_keys({"name"});
    return {};
  }
  cursor.only_keys({"name", "width", "stages", "stem_stride"});
  const auto option = [&](const char* key, int fallback, int low, int high) {
    return cursor.has(key) ? static_cast<int>(cursor.at(key).integer_in(low, high)) : fallback;
  };
  return {option("width", member.defaults.width, 1, 1024), option("stages", member.defaults.stages, 1, 5),
          option("stem_stride", member.defaults.stem_stride, 1, 4)};
}

}  // namespace

const std::vector<ZooEntry>& zoo() {
  static const std::vector<ZooEntry> entries = [] {
    std::vector<ZooEntry> list;
    for (const Member& member : members()) list.push_back(member.entry);
    return list;
  }();
  return entries;
}

const ZooEntry* find_in_zoo(const std::string& name) {
  const auto& list = zoo();
  const auto found = std::find_if(list.begin(), list.end(), [&](const ZooEntry& entry) { return entry.name == name; });
  return found == list.end() ? nullptr : &*found;
}

graph::Graph build_model(const core::JsonCursor& cursor, graph::Shape input, int classes) {
  const core::JsonCursor name = cursor.at("name");
  const Member* member = find_member(name.string());
  if (member == nullptr) {
    std::vector<std::string> names;
    for (const ZooEntry& entry : zoo()) names.push_back(entry.name);
    name.fail("unknown model \"" + name.string() + "\"", core::suggestion(name.string(), names));
  }
  const Options options = read_options(cursor, *member);
  if (classes < 1) cursor.fail("a network needs at least one class, the data set has " + std::to_string(classes));
  return build(*member, options, input, classes);
}

graph::Graph build_published(const ZooEntry& entry, graph::Shape input, int classes) {
  const Member* member = find_member(entry.name);
  if (member == nullptr) throw graph::GraphError("the zoo has no network \"" + entry.name + "\"");
  return build(*member, member->defaults, input, classes);
}

Checkpoint published_checkpoint(const ZooEntry& entry, graph::TensorMap weights, std::vector<std::string> classes) {
  graph::Graph graph = build_published(entry, entry.preprocessing.input, static_cast<int>(classes.size()));
  std::erase_if(weights, [&](const auto& tensor) {
    return std::any_of(entry.ignored.begin(), entry.ignored.end(),
                       [&](const std::string& beginning) { return tensor.first.starts_with(beginning); });
  });
  graph::check_weights(graph, weights);
  Checkpoint checkpoint = unmasked_checkpoint(std::move(graph), std::move(weights));
  checkpoint.input = entry.preprocessing.scaling;
  checkpoint.resizing = entry.preprocessing.resizing;
  checkpoint.classes = std::move(classes);
  checkpoint.training = {{"weights", "published"}, {"model", entry.name}};
  return checkpoint;
}

}  // namespace automask::models
