#include "hw_targets/z7020/arm_layers.h"

#include <algorithm>
#include <stdexcept>

#include "hw_targets/z7020/arithmetic.h"

namespace automask {
namespace z7020 {
namespace {

using graph::Attributes;
using graph::Op;
using graph::Shape;
using package::Requantisation;
using Values = std::vector<std::int32_t>;

std::size_t word_at(const Map& map, std::size_t lane, int y, int x) {
  return lane / 4 * map.plane_words() + index(y * map.row_words() + x * (map.wide ? 2 : 1));
}

int channels_of(const Map& map) {
  int channels = 0;
  for (const int channel : map.channel_of_lane) channels = std::max(channels, channel + 1);
  return channels;
}

void write_map(const Map& map, const Values& values, std::uint32_t* words) {
  for (std::size_t lane = 0; lane < map.channel_of_lane.size(); ++lane)
    for (int y = 0; y < map.height; ++y)
      for (int x = 0; x < map.width; ++x) {
        const int channel = map.channel_of_lane[lane];
        const std::int32_t value = channel < 0 ? 0 : values[index((channel * map.height + y) * map.width + x)];
        const std::size_t shift = 8 * (lane % 4);
        std::uint32_t* word = words + word_at(map, lane, y, x);
        for (int byte = 0; byte < (map.wide ? 2 : 1); ++byte, ++word)
          *word = (*word & ~(0xffU << shift)) | static_cast<std::uint32_t>((value >> (8 * byte)) & 0xff) << shift;
      }
}

// One layer's operands.
struct Operation {
  const graph::Node& node;
  const package::IntegerNetwork& network;
  std::vector<Values> in;
  std::vector<Shape> in_shape;
  Shape out;
  std::int32_t most;

  const Requantisation& requantise(int i) const { return network.integers.of_node.at(node.name).at(index(i)); }
  template <class Value>
  Values each(Value value) const {
    Values result;
    result.reserve(index(out.channels * out.height * out.width));
    for (int c = 0; c < out.channels; ++c)
      for (int y = 0; y < out.height; ++y)
        for (int x = 0; x < out.width; ++x) result.push_back(value(c, y, x));
    return result;
  }
  std::int32_t at(int c, int y, int x) const {
    return in[0][index((c * in_shape[0].height + y) * in_shape[0].width + x)];
  }
};

Values convolved(const Operation& o) {
  const Attributes& a = o.node.attributes;
  const std::vector<std::int8_t>& weights = o.network.weights.at(o.node.name);
  const int in_group = o.in_shape[0].channels / a.groups, out_group = o.out.channels / a.groups;
  return o.each([&](int c, int y, int x) {
    std::int64_t sum = 0;
    for (int i = 0; i < in_group; ++i)
      for (int ky = 0; ky < a.kernel_h; ++ky)
        for (int kx = 0; kx < a.kernel_w; ++kx) {
          const int sy = y * a.stride_h - a.pad_top + ky * a.dilation_h;
          const int sx = x * a.stride_w - a.pad_left + kx * a.dilation_w;
          if (sy < 0 || sy >= o.in_shape[0].height || sx < 0 || sx >= o.in_shape[0].width) continue;
          sum += o.at(c / out_group * in_group + i, sy, sx) *
                 weights[index(((c * in_group + i) * a.kernel_h + ky) * a.kernel_w + kx)];
        }
    return package::requantised(sum, o.requantise(c), o.most);
  });
}

Values pooled(const Operation& o) {
  const Shape& in = o.in_shape[0];
  Attributes a = o.node.attributes;
  if (o.node.op == Op::global_avg_pool) {
    a = Attributes();
    a.kernel_h = in.height;
    a.kernel_w = in.width;
  }
  return o.each([&](int c, int y, int x) {
    const int top = y * a.stride_h - a.pad_top, left = x * a.stride_w - a.pad_left;
    const int bottom = std::min(top + a.kernel_h, in.height), right = std::min(left + a.kernel_w, in.width);
    std::int32_t most = -package::most_value;
    std::int64_t sum = 0;
    for (int sy = std::max(top, 0); sy < bottom; ++sy)
      for (int sx = std::max(left, 0); sx < right; ++sx) {
        most = std::max(most, o.at(c, sy, sx));
        sum += o.at(c, sy, sx);
      }
    if (o.node.op == Op::max_pool) return most;
    if (o.node.op == Op::global_avg_pool) return package::requantised(sum, o.requantise(0), o.most);
    const int count = a.count_include_pad ? (std::min(top + a.kernel_h, in.height + a.pad_bottom) - top) *
                                                (std::min(left + a.kernel_w, in.width + a.pad_right) - left)
                                          : (bottom - std::max(top, 0)) * (right - std::max(left, 0));
    return package::requantised(sum, package::reciprocal(count), o.most);
  });
}

Values added(const Operation& o) {
  Values result(o.in[0].size());
  for (std::size_t i = 0; i < result.size(); ++i) {
    std::int64_t sum = 0;
    for (std::size_t k = 0; k < o.in.size(); ++k)
      sum += std::int64_t(o.in[k][i]) * o.requantise(static_cast<int>(k)).multiplier;
    result[i] = package::clamped(package::round_shift(sum, o.requantise(0).shift), o.most);
  }
  return result;
}

Values executed(const Operation& o) {
  switch (o.node.op) {
    case Op::conv2d:
      return convolved(o);
    case Op::max_pool:
    case Op::avg_pool:
    case Op::global_avg_pool:
      return pooled(o);
    case Op::add:
      return added(o);
    case Op::affine:
      return o.each([&](int c, int y, int x) {
        return package::requantised(std::int64_t(o.at(c, y, x)) * (1 << package::affine_fraction_bits), o.requantise(c),
                                    o.most);
      });
    case Op::relu:
      return o.each([&](int c, int y, int x) { return std::max(o.at(c, y, x), 0); });
    case Op::relu6:
      return o.each([&](int c, int y, int x) { return std::min(std::max(o.at(c, y, x), 0), o.requantise(0).bias); });
    case Op::flatten:
      return o.in[0];
    default:
      throw std::logic_error("node " + o.node.name + " has no place");
  }
}

}  // namespace

std::vector<std::int32_t> read_map(const Map& map, const std::uint32_t* words) {
  Values values(index(channels_of(map) * map.height * map.width));
  for (std::size_t lane = 0; lane < map.channel_of_lane.size(); ++lane) {
    const int channel = map.channel_of_lane[lane];
    if (channel < 0) continue;
    const std::size_t shift = 8 * (lane % 4);
    for (int y = 0; y < map.height; ++y)
      for (int x = 0; x < map.width; ++x) {
        const std::uint32_t* word = words + word_at(map, lane, y, x);
        const std::uint32_t low = (*word >> shift) & 0xffU;
        const std::uint32_t value = map.wide ? low | ((word[1] >> shift) & 0xffU) << 8 : low;
        values[index((channel * map.height + y) * map.width + x)] =
            map.wide ? static_cast<std::int16_t>(value) : static_cast<std::int8_t>(value);
      }
  }
  return values;
}

void execute_on_arm(const Program& program, const Layer& layer, const std::uint8_t* picture, std::uint32_t* memory) {
  const package::IntegerNetwork& network = *program.network;
  const Map& out = program.lowered.maps[index(layer.output)];
  std::uint32_t* to = memory + program.map_address[index(layer.output)];
  const Shape& input = network.graph.input;
  if (layer.op == Op::input) {
    Values values(index(input.channels * input.height * input.width));
    for (int c = 0; c < input.channels; ++c)
      for (int p = 0; p < input.height * input.width; ++p)
        values[index(c * input.height * input.width + p)] =
            network.input_table[index(c * 256 + picture[p * input.channels + c])];
    write_map(out, values, to);
    return;
  }
  Operation o{network.graph.nodes[index(layer.node)],
              network,
              {},
              {},
              {},
              package::most_of_node(network.graph, index(layer.node))};
  for (const int in : layer.inputs) {
    const Map& map = program.lowered.maps[index(in)];
    o.in.push_back(read_map(map, memory + program.map_address[index(in)]));
    o.in_shape.push_back({channels_of(map), map.height, map.width});
  }
  o.out = {channels_of(out), out.height, out.width};
  write_map(out, executed(o), to);
}

}  // namespace z7020
}  // namespace automask
