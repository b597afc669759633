#include "hw_targets/z7020/placed_macs.h"

#include <algorithm>

#include "hw_targets/z7020/arithmetic.h"
#include "hw_targets/z7020/hls/parameters.h"

namespace automask {
namespace z7020 {
namespace {

template <typename Iterator>
std::int64_t channels_in(Iterator first, Iterator last) {
  return std::count_if(first, last, [](int channel) { return channel >= 0; });
}

std::int64_t channels_of(const Map& map) { return channels_in(map.channel_of_lane.begin(), map.channel_of_lane.end()); }

// Follows one condition's streams: what lies in the halves of the buffers when a compute reads them.
class Counter {
 public:
  Counter(const Image& image, const Program& program) : image_(image), program_(program) {}

  std::int64_t run() {
    for (const Segment& segment : program_.segments) {
      if (segment.count == 0) on_arm(program_.lowered.layers[index(segment.layer)]);
      for (std::uint32_t n = 0; n < segment.count; ++n) read(segment.commands + n * instruction_words);
    }
    return macs_;
  }

 private:
  void read(std::uint32_t at) {
    const Instruction i = instruction_at(image_.words.data() + at);
    switch (static_cast<Opcode>(opcode_byte(i))) {
      case Opcode::load_list:
        load_list(i);
        break;
      case Opcode::load_planes:
        if (get(i, field::first_plane) == 0) input_[get(i, field::half)] = i;
        break;
      case Opcode::convolve:
        convolve(i);
        break;
      case Opcode::window:
        // Which layer it belongs to is known at the end of its step.
        if (get(i, field::mode) == static_cast<int>(WindowMode::depthwise)) depthwise_.push_back(i);
        break;
      case Opcode::step: {
        const Layer& layer = program_.lowered.layers[index(program_.layer_of_step.at(step_++))];
        for (const Instruction& window : depthwise_) depthwise(window, layer);
        depthwise_.clear();
        break;
      }
      default:
        break;
    }
  }

  static std::int64_t outputs(const Instruction& i) {
    return std::int64_t(get(i, field::out_rows)) * get(i, field::out_cols);
  }

  void load_list(const Instruction& i) {
    const std::uint32_t address = get_unsigned(i, field::address);
    std::vector<int>& quads = list_[get(i, field::half)];
    quads.assign(index(get(i, field::count)) / 4, 0);
    for (std::size_t lane = 0; lane < quads.size() * 4; ++lane) {
      const std::uint32_t word = image_.words.at(address + lane / 2);
      if ((lane % 2 == 0 ? word & 0xffffU : word >> 16) != hole) ++quads[lane / 4];
    }
  }

  void convolve(const Instruction& i) {
    const std::vector<int>& quads = list_[get(i, field::list_half)];
    const std::uint32_t of_tap = get_unsigned(i, field::tap_quads);
    std::int64_t inputs = 0;
    for (std::uint32_t q = get_unsigned(i, field::quad_begin); q < get_unsigned(i, field::quad_end); ++q)
      inputs += quads.at(q % of_tap);
    macs_ += inputs * get(i, field::channels) * outputs(i);
  }

  void depthwise(const Instruction& i, const Layer& layer) {
    const int m = layer.inputs[0];
    const Map& in = program_.lowered.maps[index(m)];
    const Instruction& tile = input_[get(i, field::input_half)];
    std::size_t plane = 0;  // the tile's first, in its map; a picture has but one
    if (get(tile, field::picture) == 0)
      plane = (get_unsigned(tile, field::address) - program_.map_address[index(m)]) / in.plane_words();
    const auto lanes = in.channel_of_lane.begin();
    const std::size_t first = std::min(plane * 4, in.channel_of_lane.size());
    const std::size_t last = std::min(first + hls::lanes, in.channel_of_lane.size());
    macs_ += channels_in(lanes + static_cast<std::ptrdiff_t>(first), lanes + static_cast<std::ptrdiff_t>(last)) *
             get(i, field::kernel_h) * get(i, field::kernel_w) * outputs(i);
  }

  void on_arm(const Layer& layer) {
    if (layer.op != graph::Op::conv2d && layer.op != graph::Op::linear) return;
    const Map& in = program_.lowered.maps[index(layer.inputs[0])];
    const Map& out = program_.lowered.maps[index(layer.output)];
    const graph::Attributes& a = layer.attributes;
    macs_ += channels_of(out) * out.height * out.width * a.kernel_h * a.kernel_w * (channels_of(in) / a.groups);
  }

  const Image& image_;
  const Program& program_;
  std::vector<int> list_[2];   // channels in each quad
  Instruction input_[2] = {};  // the load of an input tile's first planes
  std::vector<Instruction> depthwise_;
  std::size_t step_ = 0;
  std::int64_t macs_ = 0;
};

}  // namespace

std::int64_t placed_macs(const Image& image, int condition) {
  return Counter(image, image.programs.at(index(condition))).run();
}

}  // namespace z7020
}  // namespace automask
