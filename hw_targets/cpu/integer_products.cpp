// The steps that are matrix products: convolutions and linear layers, their weights in panels, their pixels in tiles.
#include <algorithm>
#include <cstring>

#include "hw_targets/cpu/integer_layers.h"
#include "hw_targets/cpu/integer_network.h"

namespace automask::cpu {
namespace {

using package::most_output;
using package::most_value;
using package::Requantisation;

// Tiles that share a panel of weights while it is in the first cache: so many at least, and more while what they read
// and write fits there, too.
constexpr std::ptrdiff_t least_tiles = 9, chunk_bytes = 16384;

struct Panel {
  int input_channel, first, outputs;
  std::size_t weights;
  Finish finish;
};

// What a convolution is made of, independent of the picture.
struct Layout {
  std::vector<std::int8_t> weights;
  std::vector<Panel> panels;
  std::vector<std::int32_t> offsets, runs;
  int groups = 0;
};

// Values that can be negative are multiplied as s16.
int groups_of(int values, bool negative) { return negative ? round_up(values, 2) / 2 : round_up(values, 4) / 4; }
// Of one group's weights.
int panel_bytes(const Panel& panel) { return (panel.outputs <= 8 ? 8 : 16) * 4; }

void put_weight(Layout& l, const Panel& panel, bool negative, int run, int value, int output, std::int8_t weight) {
  const int per_group = negative ? 2 : 4;
  std::int8_t* group = l.weights.data() + panel.weights +
                       static_cast<std::ptrdiff_t>(run * l.groups + value / per_group) * panel_bytes(panel) +
                       output * 4;
  if (negative) {
    const auto wide = static_cast<std::int16_t>(weight);
    std::memcpy(group + value % 2 * 2, &wide, 2);
  } else {
    group[value % 4] = weight;
  }
}

// Values as a product takes them.
void arrange(const Kernels& kernels, const std::int8_t* from, std::size_t count, bool negative, std::int8_t* to) {
  if (negative)
    kernels.widen(from, count, reinterpret_cast<std::int16_t*>(to));
  else
    std::memcpy(to, from, count);
}

void multiply(const Kernels& kernels, const Layout& l, const std::int8_t* source, bool is_signed, std::int8_t* out,
              const std::int8_t* other, std::int32_t* accumulators, int stride, const Member& member) {
  const auto product = [&](const Panel& panel, std::ptrdiff_t first, std::ptrdiff_t end) {
    const std::ptrdiff_t place = first * stride + panel.first;
    Product p;
    p.source = source + panel.input_channel;
    p.offsets = l.offsets.data() + first;
    p.count = static_cast<int>(end - first);
    p.runs = l.runs.data();
    p.run_count = static_cast<int>(l.runs.size());
    p.groups = l.groups;
    p.is_signed = is_signed;
    p.panel = l.weights.data() + panel.weights;
    p.outputs = panel.outputs;
    p.finish = panel.finish;
    p.out = out + place;
    p.other = other ? other + place : nullptr;
    p.stride = stride;
    p.accumulators = accumulators ? accumulators + place : nullptr;
    kernels.product(p);
  };
  const auto count = static_cast<std::ptrdiff_t>(l.offsets.size()), tiles = (count + tile_pixels - 1) / tile_pixels;
  const auto panels = static_cast<std::ptrdiff_t>(l.panels.size());
  const auto pixel_of = [&](std::ptrdiff_t tile) { return std::min(tile * tile_pixels, count); };
  // What is larger, weights or picture, comes from memory once, and is what the threads divide.
  if (l.weights.size() > static_cast<std::size_t>(count) * static_cast<std::size_t>(stride)) {
    const std::ptrdiff_t chunks = (tiles + least_tiles - 1) / least_tiles;
    const Member::Part part = member.part(panels * chunks);
    for (std::ptrdiff_t item = part.first; item < part.end; ++item) {
      const std::ptrdiff_t chunk = item % chunks;
      product(l.panels[static_cast<std::size_t>(item / chunks)], pixel_of(tiles * chunk / chunks),
              pixel_of(tiles * (chunk + 1) / chunks));
    }
    return;
  }
  const std::ptrdiff_t pixel_bytes = stride + static_cast<std::ptrdiff_t>(l.runs.size()) * l.groups * 4;
  const std::ptrdiff_t chunk = std::max(least_tiles, chunk_bytes / (pixel_bytes * tile_pixels));
  const Member::Part part = member.part(tiles);
  for (std::ptrdiff_t tile = part.first; tile < part.end; tile += chunk)
    for (const Panel& panel : l.panels) product(panel, pixel_of(tile), pixel_of(std::min(tile + chunk, part.end)));
}

void requantise_output(std::vector<std::int32_t>& sums, const std::vector<Requantisation>& factors,
                       const Member& member) {
  member.wait();  // for the sums
  const Member::Part part = member.part(static_cast<std::ptrdiff_t>(sums.size()));
  for (auto i = static_cast<std::size_t>(part.first); i < static_cast<std::size_t>(part.end); ++i)
    sums[i] = package::requantised(sums[i], factors[i % factors.size()], most_output);
}

}  // namespace

Finish IntegerNetwork::finish_of(const std::string& layer, const IntegerFused& fused,
                                 const package::IntegerNetwork& network) {
  exact_.push_back(network.integers.of_node.at(layer));
  Finish finish;
  finish.exact = exact_.back().data();
  finish.low = fused.low;
  finish.high = fused.high;
  finish.adds = fused.other >= 0;
  finish.residual = fused.residual;
  return finish;
}

Finish IntegerNetwork::finish_from(Finish finish, int first, int count) {
  finish.exact += first;
  // Moved when the vector of them grows, which leaves theirs where they are.
  const Requantisers& r = requantisers_.emplace_back(finish.exact, static_cast<std::size_t>(count));
  finish.bias = r.bias.data();
  finish.usual = r.usual.empty() ? nullptr : r.usual.data();
  finish.any = r.any.data();
  return finish;
}

IntegerNetwork::Step IntegerNetwork::convolution(int node, int head, const IntegerFused& fused,
                                                 const package::IntegerNetwork& network) {
  const graph::Node& layer = node_at(network, head);
  const graph::Attributes a = layer.attributes;
  const int input = storage_of_[static_cast<std::size_t>(layer.inputs[0])];
  const graph::Shape in = shape(layer.inputs[0]), out = shape(node);
  const int in_per_group = in.channels / a.groups, out_per_group = out.channels / a.groups;
  const bool pads = a.pad_top > 0 || a.pad_left > 0 || a.pad_bottom > 0 || a.pad_right > 0;
  const int width = in.width + a.pad_left + a.pad_right, height = in.height + a.pad_top + a.pad_bottom;
  const std::vector<std::int8_t>& weight = network.weights.at(layer.name);
  const bool negative = is_signed(input);
  const int value_bytes = negative ? 2 : 1;

  Layout l;
  // The taps of a row lie behind each other and are one run.
  const bool rows = a.groups == 1 && (a.dilation_w == 1 || a.kernel_w == 1);
  const int taps_per_run = rows ? a.kernel_w : 1;
  l.groups = groups_of(taps_per_run * in_per_group, negative);
  for (int ky = 0; ky < a.kernel_h; ++ky)
    for (int kx = 0; kx < a.kernel_w; kx += taps_per_run)
      l.runs.push_back((ky * a.dilation_h * width + kx * a.dilation_w) * in.channels * value_bytes);
  for (int y = 0; y < out.height; ++y)
    for (int x = 0; x < out.width; ++x)
      l.offsets.push_back((y * a.stride_h * width + x * a.stride_w) * in.channels * value_bytes);

  const Finish finish = finish_of(layer.name, fused, network);
  const std::size_t taps = static_cast<std::size_t>(a.kernel_h * a.kernel_w);
  for (int group = 0; group < a.groups; ++group)
    for (int from = 0; from < out_per_group; from += lanes) {
      Panel panel{group * in_per_group * value_bytes, group * out_per_group + from,
                  std::min(lanes, out_per_group - from), l.weights.size(), finish};
      l.weights.resize(l.weights.size() + l.runs.size() * static_cast<std::size_t>(l.groups * panel_bytes(panel)));
      for (std::size_t tap = 0; tap < taps; ++tap)
        for (int i = 0; i < in_per_group; ++i)
          for (int o = 0; o < panel.outputs; ++o) {
            const int run = static_cast<int>(tap) / taps_per_run, of_run = static_cast<int>(tap) % taps_per_run;
            put_weight(l, panel, negative, run, of_run * in_per_group + i, o,
                       weight.at(static_cast<std::size_t>((panel.first + o) * in_per_group + i) * taps + tap));
          }
      panel.finish = finish_from(finish, panel.first, panel.outputs);
      l.panels.push_back(panel);
    }
  packed_bytes_ += l.weights.size();
  const std::size_t arranged_bytes = static_cast<std::size_t>(width * height * in.channels * value_bytes + overread);
  if (pads || negative) arranged_.resize(std::max(arranged_.size(), arranged_bytes));
  const bool wide = is_wide(network, head);
  if (wide) wide_.resize(size(node));
  const int other = fused.other >= 0 ? storage_of_[static_cast<std::size_t>(fused.other)] : -1;
  const std::vector<Requantisation> factors = exact_.back();

  return
      [this, node, input, other, l = std::move(l), a, in, height, pads, wide, negative, factors](const Member& member) {
        const std::int8_t* source = at(input);
        if (pads || negative) {
          const std::ptrdiff_t pixel = in.channels * (negative ? 2 : 1);
          const std::ptrdiff_t row = in.width * pixel, left = a.pad_left * pixel, right = a.pad_right * pixel;
          const Member::Part part = member.part(height);
          for (std::ptrdiff_t y = part.first; y < part.end; ++y) {
            std::int8_t* to = arranged_.data() + y * (left + row + right);
            const std::ptrdiff_t from_y = y - a.pad_top;
            if (from_y < 0 || from_y >= in.height) {
              std::memset(to, 0, static_cast<std::size_t>(left + row + right));
              continue;
            }
            const std::int8_t* from = source + from_y * in.width * in.channels;
            std::memset(to, 0, static_cast<std::size_t>(left));
            arrange(kernels_, from, static_cast<std::size_t>(in.width * in.channels), negative, to + left);
            std::memset(to + left + row, 0, static_cast<std::size_t>(right));
          }
          source = arranged_.data();
          member.wait();
        }
        multiply(kernels_, l, source, negative, at(node), other >= 0 ? at(other) : nullptr,
                 wide ? wide_.data() : nullptr, shape(node).channels, member);
        if (wide) requantise_output(wide_, factors, member);
      };
}

IntegerNetwork::Step IntegerNetwork::linear(int node, int head, const IntegerFused& fused,
                                            const package::IntegerNetwork& network) {
  const graph::Node& layer = node_at(network, head);
  const int input = storage_of_[static_cast<std::size_t>(layer.inputs[0])];
  const int outputs = shape(node).channels, features = static_cast<int>(size(layer.inputs[0]));
  const int places = pixels(layer.inputs[0]), channels = features / places;
  const std::vector<std::int8_t>& weight = network.weights.at(layer.name);
  Layout l;
  l.offsets = {0};
  l.runs = {0};
  const bool negative = is_signed(input);
  l.groups = groups_of(features, negative);
  const Finish finish = finish_of(layer.name, fused, network);
  for (int first = 0; first < outputs; first += lanes) {
    Panel panel{0, first, std::min(lanes, outputs - first), l.weights.size(), finish};
    l.weights.resize(l.weights.size() + static_cast<std::size_t>(l.groups * panel_bytes(panel)));
    for (int i = 0; i < features; ++i)
      for (int o = 0; o < panel.outputs; ++o) {
        const int feature = i % channels * places + i / channels;  // weights count [C, H, W], values lie [H, W, C]
        put_weight(l, panel, negative, 0, i, o,
                   weight.at(static_cast<std::size_t>(first + o) * static_cast<std::size_t>(features) +
                             static_cast<std::size_t>(feature)));
      }
    panel.finish = finish_from(finish, first, panel.outputs);
    l.panels.push_back(panel);
  }
  packed_bytes_ += l.weights.size();
  if (negative) arranged_.resize(std::max(arranged_.size(), static_cast<std::size_t>(features) * 2 + overread));
  const bool wide = is_wide(network, head);
  if (wide) wide_.resize(size(node));
  const int other = fused.other >= 0 ? storage_of_[static_cast<std::size_t>(fused.other)] : -1;
  const std::vector<Requantisation> factors = exact_.back();
  return [this, node, input, other, features, l = std::move(l), wide, negative, factors](const Member& member) {
    const std::int8_t* source = at(input);
    if (negative) {
      const Member::Part part = member.part(features);
      arrange(kernels_, source + part.first, static_cast<std::size_t>(part.end - part.first), true,
              arranged_.data() + 2 * part.first);
      source = arranged_.data();
      member.wait();
    }
    multiply(kernels_, l, source, negative, at(node), other >= 0 ? at(other) : nullptr, wide ? wide_.data() : nullptr,
             shape(node).channels, member);
    if (wide) requantise_output(wide_, factors, member);
  };
}

}  // namespace automask::cpu
