#include "models/zoo.h"

#include <algorithm>

namespace automask::models {
namespace {

// What distinguishes the members of the family: n blocks of two 3x3 convolutions in each stage give 6n + 2 layers.
struct Family {
  ZooEntry entry;
  int blocks;
  int width;
  int stem_stride;
};

const std::vector<Family>& families() {
  static const std::vector<Family> table = {
      {{"tinynet", "residual network of 8 layers and width 4 at half resolution, for smoke tests"}, 1, 4, 2},
      {{"resnet8", "6n + 2 layers with n = 1, for 28x28 and 32x32 pictures (He et al., CVPR 2016, section 4.2)"},
       1,
       16,
       1},
      {{"resnet14", "6n + 2 layers with n = 2, for 28x28 and 32x32 pictures (He et al., CVPR 2016, section 4.2)"},
       2,
       16,
       1},
      {{"resnet20", "6n + 2 layers with n = 3, for 28x28 and 32x32 pictures (He et al., CVPR 2016, section 4.2)"},
       3,
       16,
       1},
  };
  return table;
}

// Appends nodes one after the other; each call returns the new node's index.
class Builder {
 public:
  explicit Builder(graph::Graph& graph) : graph_(graph) {}

  int convolution(const std::string& name, int from, int channels, int kernel, int stride) {
    graph::Attributes a;
    a.out_channels = channels;
    a.kernel_h = a.kernel_w = kernel;
    a.stride_h = a.stride_w = stride;
    a.pad_top = a.pad_left = a.pad_bottom = a.pad_right = kernel / 2;
    return graph_.add(name, graph::Op::conv2d, {from}, a);
  }
  int plain(const std::string& name, graph::Op op, std::vector<int> inputs) {
    return graph_.add(name, op, std::move(inputs));
  }

  // torchvision's BasicBlock by name; the shortcut is a 1x1 convolution where shapes change (option B of the paper).
  int block(const std::string& name, int from, int channels, int stride, bool project) {
    int x = convolution(name + ".conv1", from, channels, 3, stride);
    x = plain(name + ".bn1", graph::Op::batch_norm, {x});
    x = plain(name + ".relu1", graph::Op::relu, {x});
    x = convolution(name + ".conv2", x, channels, 3, 1);
    x = plain(name + ".bn2", graph::Op::batch_norm, {x});
    int shortcut = from;
    if (project) {
      shortcut = convolution(name + ".downsample.0", from, channels, 1, stride);
      shortcut = plain(name + ".downsample.1", graph::Op::batch_norm, {shortcut});
    }
    x = plain(name + ".add", graph::Op::add, {x, shortcut});
    return plain(name + ".relu2", graph::Op::relu, {x});
  }

 private:
  graph::Graph& graph_;
};

}  // namespace

const std::vector<ZooEntry>& zoo() {
  static const std::vector<ZooEntry> entries = [] {
    std::vector<ZooEntry> list;
    for (const Family& family : families()) list.push_back(family.entry);
    return list;
  }();
  return entries;
}

graph::Graph build_model(const core::JsonCursor& cursor, graph::Shape input, int classes) {
  cursor.only_keys({"name", "width", "stages", "stem_stride"});
  const core::JsonCursor name = cursor.at("name");
  const auto& table = families();
  const auto family =
      std::find_if(table.begin(), table.end(), [&](const Family& f) { return f.entry.name == name.string(); });
  if (family == table.end()) {
    std::vector<std::string> names;
    for (const Family& f : table) names.push_back(f.entry.name);
    name.fail("unknown model \"" + name.string() + "\"", core::suggestion(name.string(), names));
  }
  const auto option = [&](const char* key, int fallback, int low, int high) {
    return cursor.has(key) ? static_cast<int>(cursor.at(key).integer_in(low, high)) : fallback;
  };
  const int width = option("width", family->width, 1, 1024);
  const int stages = option("stages", 3, 1, 5);
  const int stem_stride = option("stem_stride", family->stem_stride, 1, 4);
  if (classes < 1) cursor.fail("a network needs at least one class, the data set has " + std::to_string(classes));

  graph::Graph graph;
  graph.name = family->entry.name;
  graph.input = input;
  Builder build(graph);
  int x = build.plain("input", graph::Op::input, {});
  x = build.convolution("conv1", x, width, 3, stem_stride);
  x = build.plain("bn1", graph::Op::batch_norm, {x});
  x = build.plain("relu", graph::Op::relu, {x});
  for (int stage = 0; stage < stages; ++stage)
    for (int block = 0; block < family->blocks; ++block) {
      const bool narrows = stage > 0 && block == 0;
      x = build.block("layer" + std::to_string(stage + 1) + "." + std::to_string(block), x, width << stage,
                      narrows ? 2 : 1, narrows);
    }
  x = build.plain("avgpool", graph::Op::global_avg_pool, {x});
  x = build.plain("flatten", graph::Op::flatten, {x});
  graph::Attributes fc;
  fc.out_channels = classes;
  fc.bias = true;
  graph.add("fc", graph::Op::linear, {x}, fc);
  return graph;
}

}  // namespace automask::models
