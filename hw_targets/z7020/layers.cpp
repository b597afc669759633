#include "hw_targets/z7020/layers.h"

#include <algorithm>

#include "hw_targets/z7020/arithmetic.h"
#include "hw_targets/z7020/hls/parameters.h"

namespace automask {
namespace z7020 {
namespace {

using graph::Attributes;
using graph::Node;
using graph::Op;
using graph::Shape;

bool is_name(Op op) { return op == Op::dropout || op == Op::softmax; }
bool is_activation(Op op) { return op == Op::relu || op == Op::relu6; }

class Lowering {
 public:
  explicit Lowering(const package::IntegerNetwork& network)
      : network_(network),
        nodes_(network.graph.nodes),
        shapes_(graph::infer_shapes(network.graph)),
        name_(names(network.graph, shapes_)),
        live_(nodes_.size(), false),
        readers_(nodes_.size()),
        absorbed_(nodes_.size(), false) {
    lowered_.map_of = name_;
    lowered_.output = name_.back();
    for (std::size_t i = 0; i < nodes_.size(); ++i)
      if (shapes_[i].height > 8191 || shapes_[i].width > 8191)
        throw CompileError(nodes_[i].name, "its map is larger than 8191 pixels a side");
    find_readers();
    arrange_lanes();
  }

  Lowered run() {
    std::vector<Layer> at_end(nodes_.size());
    std::vector<bool> used(nodes_.size(), false);
    // Activations and adds are met before their layer, so they wait: only what stays unabsorbed is a layer. The later
    // of two summands first: by then the other is there anyway.
    for (const bool joining : {false, true})
      for (std::size_t i = nodes_.size(); i-- > 1;) {
        const Op op = nodes_[i].op;
        if (!live_[i] || index(name_[i]) != i || op == Op::concat || absorbed_[i] || used[i]) continue;
        if ((is_activation(op) || op == Op::add) == joining) place(i, at_end, used);
      }
    place_input(at_end, used);
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (used[i]) lowered_.layers.push_back(at_end[i]);
      if (live_[i] && nodes_[i].op == Op::concat && index(name_[i]) == i) copy_into_concat(i);
    }
    return std::move(lowered_);
  }

 private:
  void find_readers() {
    live_.back() = true;
    for (std::size_t i = nodes_.size(); i-- > 0;)
      if (live_[i])
        for (const int in : nodes_[i].inputs) live_[index(in)] = true;
    live_[0] = true;
    for (std::size_t i = 0; i < nodes_.size(); ++i)
      if (live_[i] && index(name_[i]) == i)
        for (const int in : nodes_[i].inputs) readers_[index(name_[index(in)])].push_back(static_cast<int>(i));
  }

  bool is_wide(std::size_t node) const { return package::most_of_node(network_.graph, node) != package::most_value; }

  void arrange_lanes() {
    lowered_.maps.resize(nodes_.size());
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      Map& map = lowered_.maps[i];
      map.height = shapes_[i].height;
      map.width = shapes_[i].width;
      map.wide = is_wide(i);
      const Node& node = nodes_[i];
      if (index(name_[i]) != i) {
        map = lowered_.maps[index(name_[i])];
        continue;
      }
      const auto input_lanes = [&](std::size_t k) -> const std::vector<int>& {
        return lowered_.maps[index(name_[index(node.inputs[k])])].channel_of_lane;
      };
      if (node.op == Op::concat) {
        int first = 0;
        for (std::size_t k = 0; k < node.inputs.size(); ++k) {
          for (const int channel : input_lanes(k)) map.channel_of_lane.push_back(channel < 0 ? -1 : first + channel);
          first += shapes_[index(node.inputs[k])].channels;
        }
        continue;
      }
      bool keeps = i > 0 && node.op != Op::conv2d && node.op != Op::linear && node.op != Op::flatten;
      if (node.op == Op::conv2d && is_depthwise(node)) keeps = true;
      for (std::size_t k = 1; keeps && k < node.inputs.size(); ++k) keeps = input_lanes(k) == input_lanes(0);
      if (keeps) {
        map.channel_of_lane = input_lanes(0);
        continue;
      }
      for (int lane = 0; lane < (shapes_[i].channels + 3) / 4 * 4; ++lane)
        map.channel_of_lane.push_back(lane < shapes_[i].channels ? lane : -1);
    }
  }

  bool is_depthwise(const Node& node) const {
    const int in = shapes_[index(node.inputs[0])].channels;
    return node.attributes.groups > 1 && node.attributes.groups == in && node.attributes.out_channels == in;
  }

  const std::vector<int>& lanes(int node) const { return lowered_.maps[index(name_[index(node)])].channel_of_lane; }

  // The smallest piece of input that one output needs, in words of a column's bank.
  static int window_words(const Attributes& a) {
    const int rows = (a.kernel_h - 1) * a.dilation_h + 1, cols = (a.kernel_w - 1) * a.dilation_w + 1;
    return rows * ((cols + hls::columns - 1) / hls::columns);
  }

  void check_array(const Layer& layer) const {
    const Attributes& a = layer.attributes;
    const int planes = static_cast<int>(lanes(layer.inputs[0]).size()) / 4;
    const auto limit = [&](bool within, const std::string& what) {
      if (!within) throw CompileError(layer.name, what);
    };
    limit(a.kernel_h <= 255 && a.kernel_w <= 255, "its kernel is larger than 255");
    limit(a.stride_h <= 255 && a.stride_w <= 255, "its stride is larger than 255");
    limit(a.dilation_h <= 255 && a.dilation_w <= 255, "its dilation is larger than 255");
    limit(a.kernel_h * a.kernel_w < (1 << 14), "its kernel has more than 16383 positions");
    limit((planes + 7) / 8 * 32 <= hls::list_entries, "its input has " + std::to_string(planes * 4) +
                                                          " lanes of channels, the channel list has room for " +
                                                          std::to_string(hls::list_entries));
    const int words = (planes + 7) / 8 * window_words(a);
    limit(words <= hls::input_words, "one output needs " + std::to_string(words) +
                                         " words of each bank of the input buffer, which has " +
                                         std::to_string(hls::input_words));
  }

  // Sets unit, mode and reason.
  void choose_unit(Layer& layer, std::size_t i) const {
    const Node& node = nodes_[i];
    Attributes& a = layer.attributes;
    const auto arm = [&](const char* reason) {
      layer.unit = Unit::arm;
      layer.reason = reason;
    };
    const auto window = [&](WindowMode mode) {
      layer.unit = Unit::window;
      layer.mode = mode;
      if (a.kernel_h > 255 || a.kernel_w > 255 || window_words(a) > hls::input_words)
        arm("its window is larger than the input buffer");
      else if (a.stride_h > 255 || a.stride_w > 255)
        arm("its stride is larger than 255");
      else if (a.pad_top > 16383 || a.pad_left > 16383 || a.pad_bottom > 16383 || a.pad_right > 16383)
        arm("its padding is larger than 16383");
    };
    switch (node.op) {
      case Op::linear: {
        const Map& in = lowered_.maps[index(layer.inputs[0])];
        a.kernel_h = in.height;
        a.kernel_w = in.width;
        layer.unit = Unit::array;
        break;
      }
      case Op::conv2d:
        if (a.groups == 1) {
          layer.unit = Unit::array;
        } else if (!is_depthwise(node)) {
          arm("the engine has no grouped convolution but depthwise");
        } else if (a.dilation_h != 1 || a.dilation_w != 1) {
          arm("the engine has no dilated depthwise convolution");
        } else if (a.kernel_h * a.kernel_w > 4 * hls::filter_words) {
          arm("its filters have more than 128 taps");
        } else {
          window(WindowMode::depthwise);
        }
        break;
      case Op::max_pool:
        window(WindowMode::largest);
        break;
      case Op::avg_pool:
        window(WindowMode::mean);
        if (a.kernel_h * a.kernel_w > hls::reciprocals) arm("it averages more than 256 places");
        break;
      case Op::global_avg_pool:
        a.kernel_h = shapes_[index(node.inputs[0])].height;
        a.kernel_w = shapes_[index(node.inputs[0])].width;
        window(WindowMode::fixed);
        break;
      case Op::affine:
        window(WindowMode::affine);
        break;
      case Op::relu:
      case Op::relu6:
        window(WindowMode::largest);
        break;
      case Op::add:
        window(WindowMode::largest);
        if (node.inputs.size() != 2)
          arm("the engine adds two maps, not more");
        else if (lanes(node.inputs[0]) != lanes(node.inputs[1]))
          arm("its summands' channels lie differently");
        break;
      default:
        arm("the engine has no such operator");
    }
  }

  void limit_by(const Node& activation, int& low, int& high) const {
    low = std::max(low, 0);
    if (activation.op == Op::relu6) high = std::min(high, network_.integers.of_node.at(activation.name).at(0).bias);
  }

  void add_of(const Node& add, std::size_t own, Layer& layer) const {
    const std::vector<package::Requantisation>& factors = network_.integers.of_node.at(add.name);
    layer.residual = name_[index(add.inputs[1 - own])];
    layer.own_multiplier = factors.at(own).multiplier;
    layer.residual_multiplier = factors.at(1 - own).multiplier;
    layer.shift = factors.at(0).shift;
  }

  // Node i begins a layer; follows what can join it.
  void place(std::size_t i, std::vector<Layer>& at_end, std::vector<bool>& used) {
    const Node& node = nodes_[i];
    Layer layer;
    layer.name = node.name;
    layer.op = node.op;
    layer.node = static_cast<int>(i);
    layer.attributes = node.attributes;
    for (const int in : node.inputs) layer.inputs.push_back(name_[index(in)]);
    choose_unit(layer, i);
    std::size_t end = i;
    if (layer.unit != Unit::arm) {
      if (layer.unit == Unit::array) check_array(layer);
      if (is_activation(node.op)) limit_by(node, layer.low, layer.high);
      if (node.op == Op::add) {
        add_of(node, 0, layer);
        layer.inputs.resize(1);
      }
      while (!is_wide(end) && readers_[end].size() == 1 && static_cast<int>(end) != lowered_.output) {
        const std::size_t next = index(readers_[end][0]);
        const Node& follower = nodes_[next];
        if (is_activation(follower.op)) {
          if (is_wide(next)) break;
          limit_by(follower, layer.residual >= 0 ? layer.sum_low : layer.low,
                   layer.residual >= 0 ? layer.sum_high : layer.high);
        } else if (follower.op == Op::add && follower.inputs.size() == 2 && layer.residual < 0 && !absorbed_[next] &&
                   !is_wide(next) && lanes(follower.inputs[0]) == lanes(follower.inputs[1]) &&
                   name_[index(follower.inputs[0])] != name_[index(follower.inputs[1])]) {
          add_of(follower, name_[index(follower.inputs[0])] == static_cast<int>(end) ? 0 : 1, layer);
        } else {
          break;
        }
        absorbed_[next] = true;
        end = next;
      }
    }
    layer.output = static_cast<int>(end);
    at_end[end] = std::move(layer);
    used[end] = true;
  }

  void place_input(std::vector<Layer>& at_end, std::vector<bool>& used) {
    bool as_picture = network_.graph.input.channels <= hls::table_channels && lowered_.output != 0;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (live_[i] && index(name_[i]) == i && nodes_[i].op == Op::concat)
        for (const int in : nodes_[i].inputs) as_picture = as_picture && name_[index(in)] != 0;
      if (!used[i]) continue;
      as_picture = as_picture && at_end[i].residual != 0;
      if (at_end[i].unit == Unit::arm)
        for (const int in : at_end[i].inputs) as_picture = as_picture && in != 0;
    }
    lowered_.picture_input = as_picture;
    if (as_picture) return;
    Layer layer;
    layer.name = nodes_[0].name;
    layer.reason = "the engine reads pictures of up to 4 channels, for convolutions and windows";
    at_end[0] = std::move(layer);
    used[0] = true;
  }

  // An input that is no map of its own, or part of another already, is copied.
  void copy_into_concat(std::size_t concat) {
    int plane = 0;
    for (const int input : nodes_[concat].inputs) {
      const int from = name_[index(input)];
      Map& map = lowered_.maps[index(from)];
      if (map.storage < 0 && from != 0 && nodes_[index(from)].op != Op::concat && !is_wide(concat)) {
        map.storage = static_cast<int>(concat);
        map.first_plane = plane;
      } else {
        Layer layer;
        layer.name = nodes_[concat].name;
        layer.op = Op::concat;
        layer.node = static_cast<int>(concat);
        layer.unit = Unit::window;
        layer.mode = WindowMode::largest;
        layer.inputs = {from};
        layer.output = static_cast<int>(lowered_.maps.size());
        Map copy = map;
        copy.storage = static_cast<int>(concat);
        copy.first_plane = plane;
        lowered_.maps.push_back(copy);
        lowered_.layers.push_back(layer);
      }
      plane += lowered_.maps[index(from)].planes();
    }
  }

  const package::IntegerNetwork& network_;
  const std::vector<Node>& nodes_;
  std::vector<Shape> shapes_;
  std::vector<int> name_;
  std::vector<bool> live_;
  std::vector<std::vector<int>> readers_;  // names left out
  std::vector<bool> absorbed_;
  Lowered lowered_;
};

}  // namespace

const char* to_string(Unit unit) {
  switch (unit) {
    case Unit::array:
      return "array";
    case Unit::window:
      return "window";
    case Unit::arm:
      break;
  }
  return "arm";
}

std::vector<int> names(const graph::Graph& graph, const std::vector<Shape>& shapes) {
  std::vector<int> name(graph.nodes.size());
  std::vector<bool> only_linear(graph.nodes.size(), true);
  // Backwards: what reads a name reads its input.
  for (std::size_t i = graph.nodes.size(); i-- > 0;) {
    const Node& node = graph.nodes[i];
    for (const int in : node.inputs)
      only_linear[index(in)] = only_linear[index(in)] && (is_name(node.op) ? only_linear[i] : node.op == Op::linear);
  }
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    name[i] = static_cast<int>(i);
    if (i == 0) continue;
    const Shape& in = shapes[index(node.inputs[0])];
    const bool same_order = in.height == 1 && in.width == 1;
    if (is_name(node.op) || (node.op == Op::flatten && (same_order || only_linear[i])))
      name[i] = name[index(node.inputs[0])];
  }
  return name;
}

Lowered lower(const package::IntegerNetwork& network) { return Lowering(network).run(); }

}  // namespace z7020
}  // namespace automask
