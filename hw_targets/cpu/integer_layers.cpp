// The steps of an integer network but for products, one function per operator.
#include "hw_targets/cpu/integer_layers.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "hw_targets/cpu/integer_network.h"

namespace automask::cpu {
namespace {

using package::most_output;
using package::most_value;
using package::Requantisation;

// 0 to taps - 1, then -1 up to `count` of them.
std::vector<int> all_of(int taps, int count) {
  std::vector<int> all(static_cast<std::size_t>(count), -1);
  std::iota(all.begin(), all.begin() + taps, 0);
  return all;
}

}  // namespace

std::vector<std::int32_t> IntegerNetwork::taps_of(int input, int node, const graph::Attributes& a,
                                                  const std::vector<int>& taps) const {
  const graph::Shape &in = shape(input), &out = shape(node);
  std::vector<std::int32_t> all;
  for (int y = 0; y < out.height; ++y)
    for (int x = 0; x < out.width; ++x)
      for (const int tap : taps) {
        const int from_y = y * a.stride_h - a.pad_top + tap / a.kernel_w * a.dilation_h;
        const int from_x = x * a.stride_w - a.pad_left + tap % a.kernel_w * a.dilation_w;
        const bool inside = tap >= 0 && from_y >= 0 && from_y < in.height && from_x >= 0 && from_x < in.width;
        all.push_back(inside ? (from_y * in.width + from_x) * in.channels : -1);
      }
  return all;
}

IntegerNetwork::Step IntegerNetwork::depthwise(int node, int head, const IntegerFused& fused,
                                               const package::IntegerNetwork& network) {
  const graph::Node& layer = node_at(network, head);
  const graph::Attributes a = layer.attributes;
  const int input = storage_of_[static_cast<std::size_t>(layer.inputs[0])];
  const graph::Shape in = shape(layer.inputs[0]), out = shape(node);
  const int channels = out.channels, kernel = a.kernel_h * a.kernel_w;
  const bool three = a.kernel_h == 3 && a.kernel_w == 3;
  // As the kernels want them: in pairs.
  std::vector<int> order = all_of(kernel, round_up(kernel, 2));
  if (three) order = {0, 3, 1, 4, 2, 5, 6, 7, 8, -1, -1, 6, 7, 8};
  const std::vector<std::int8_t>& weight = network.weights.at(layer.name);
  std::vector<std::int16_t> packed(static_cast<std::size_t>(round_up(channels, lanes)) * order.size());
  for (int c = 0; c < channels; ++c)
    for (std::size_t t = 0; t < order.size(); ++t) {
      if (order[t] < 0) continue;
      const int lane = c % 16, quarter = lane / 4,
                place = (quarter == 1   ? 2
                         : quarter == 2 ? 1
                                        : quarter) *
                            4 +
                        lane % 4;
      packed[static_cast<std::size_t>(c / lanes * lanes) * order.size() + t / 2 * 32 +
             static_cast<std::size_t>(place) * 2 + t % 2] =
          static_cast<std::int16_t>(weight.at(static_cast<std::size_t>(c * kernel + order[t])));
    }
  packed_bytes_ += packed.size() * 2;
  Depthwise step;
  step.taps = round_up(kernel, 2);
  step.pairs = static_cast<int>(order.size()) / 2;
  step.channels = channels;
  step.finish = finish_from(finish_of(layer.name, fused, network), 0, channels);
  order.resize(static_cast<std::size_t>(step.taps));
  // Outputs whose columns all lie inside, and so do their neighbours'.
  const bool rows = three && a.dilation_h == 1 && a.dilation_w == 1 && a.stride_w <= 2 && in.width >= 3;
  const int first = std::min((a.pad_left + a.stride_w - 1) / a.stride_w, out.width);
  const int end = rows ? std::max(std::min((in.width - 3 + a.pad_left) / a.stride_w + 1, out.width), first) : first;
  nothing_.resize(std::max(nothing_.size(), static_cast<std::size_t>(in.width * channels + overread)), 0);
  const int other = fused.other >= 0 ? storage_of_[static_cast<std::size_t>(fused.other)] : -1;
  return [this, node, input, other, packed = std::move(packed), where = taps_of(layer.inputs[0], node, a, order), step,
          a, in, out, first, end](const Member& member) {
    Depthwise placed = step;
    placed.weights = packed.data();
    const std::int8_t* source = at(input);
    const std::int8_t* added = other >= 0 ? at(other) : nullptr;
    std::int8_t* to = at(node);
    const auto place_of = [&](std::ptrdiff_t y, int x) { return (y * out.width + x) * out.channels; };
    const auto one = [&](std::ptrdiff_t y, int x, std::vector<const std::int8_t*>& addresses) {
      const std::int32_t* offsets = where.data() + (y * out.width + x) * placed.taps;
      for (std::size_t t = 0; t < addresses.size(); ++t)
        addresses[t] = offsets[t] < 0 ? nothing_.data() : source + offsets[t];
      const std::ptrdiff_t place = place_of(y, x);
      kernels_.depthwise(placed, addresses.data(), to + place, added ? added + place : nullptr);
    };
    const auto inner_row = [&](std::ptrdiff_t y) {
      DepthwiseRow row;
      for (int ky = 0; ky < 3; ++ky) {
        const std::ptrdiff_t from = y * a.stride_h - a.pad_top + ky;
        const bool inside = from >= 0 && from < in.height;
        row.rows[ky] =
            inside ? source + (from * in.width + first * a.stride_w - a.pad_left) * in.channels : nothing_.data();
      }
      row.stride = a.stride_w;
      row.count = end - first;
      row.out = to + place_of(y, first);
      row.other = added ? added + place_of(y, first) : nullptr;
      kernels_.depthwise_row(placed, row);
    };
    std::vector<const std::int8_t*> addresses(static_cast<std::size_t>(placed.taps));
    const Member::Part part = member.part(out.height);
    for (std::ptrdiff_t y = part.first; y < part.end; ++y) {
      for (int x = 0; x < first; ++x) one(y, x, addresses);
      if (first < end) inner_row(y);
      for (int x = end; x < out.width; ++x) one(y, x, addresses);
    }
  };
}

IntegerNetwork::Step IntegerNetwork::pool(int node, const graph::Node& layer) {
  const graph::Attributes a = layer.attributes;
  const int input = storage_of_[static_cast<std::size_t>(layer.inputs[0])], taps = a.kernel_h * a.kernel_w;
  const graph::Shape in = shape(layer.inputs[0]), out = shape(node);
  const bool largest = layer.op == graph::Op::max_pool;
  std::vector<Requantisation> means;  // per pixel
  for (int y = 0; y < out.height && !largest; ++y)
    for (int x = 0; x < out.width; ++x) {
      const auto counted = [](int at, int kernel, int stride, int before, int after, int length, bool padding) {
        const int first = at * stride - before, end = std::min(first + kernel, length + (padding ? after : 0));
        return end - (padding ? first : std::max(first, 0));
      };
      const bool padding = a.count_include_pad;
      means.push_back(
          package::reciprocal(counted(y, a.kernel_h, a.stride_h, a.pad_top, a.pad_bottom, in.height, padding) *
                              counted(x, a.kernel_w, a.stride_w, a.pad_left, a.pad_right, in.width, padding)));
    }
  graph::Attributes window = a;
  window.dilation_h = window.dilation_w = 1;
  return [this, node, input, where = taps_of(layer.inputs[0], node, window, all_of(taps, taps)), means, taps, out,
          largest](const Member& member) {
    const std::int8_t* source = at(input);
    std::int8_t* to = at(node);
    std::vector<const std::int8_t*> addresses(static_cast<std::size_t>(taps));
    std::vector<std::int32_t> sums(static_cast<std::size_t>(out.channels));
    const Member::Part part = member.part(out.height * out.width);
    for (std::ptrdiff_t pixel = part.first; pixel < part.end; ++pixel) {
      const std::int32_t* offsets = where.data() + pixel * taps;
      std::int8_t* values = to + pixel * out.channels;
      if (largest) {
        for (std::size_t t = 0; t < addresses.size(); ++t)
          addresses[t] = offsets[t] < 0 ? lowest_.data() : source + offsets[t];
        kernels_.largest(addresses.data(), taps, out.channels, values);
        continue;
      }
      std::fill(sums.begin(), sums.end(), 0);
      for (int t = 0; t < taps; ++t)
        if (offsets[t] >= 0) kernels_.sum(source + offsets[t], 1, 0, out.channels, sums.data());
      const Requantisation& mean = means[static_cast<std::size_t>(pixel)];
      for (std::size_t c = 0; c < sums.size(); ++c)
        values[c] = static_cast<std::int8_t>(package::requantised(sums[c], mean, most_value));
    }
  };
}

IntegerNetwork::Step IntegerNetwork::global_mean(int node, const package::IntegerNetwork& network) {
  const graph::Node& layer = node_at(network, node);
  const int source_node = layer.inputs[0], input = storage_of_[static_cast<std::size_t>(source_node)];
  const Requantisation mean = network.integers.of_node.at(layer.name).at(0);
  const bool wide = is_wide(network, node);
  if (wide) wide_.resize(size(node));
  sums_.resize(std::max(sums_.size(), size(node)));
  return [this, node, source_node, input, mean, wide](const Member& member) {
    const int channels = shape(node).channels;
    const Member::Part part = member.part(channels);
    std::fill(sums_.begin() + part.first, sums_.begin() + part.end, 0);
    kernels_.sum(at(input) + part.first, pixels(source_node), channels, static_cast<int>(part.end - part.first),
                 sums_.data() + part.first);
    std::int8_t* out = at(node);
    for (auto c = static_cast<std::size_t>(part.first); c < static_cast<std::size_t>(part.end); ++c)
      if (wide)
        wide_[c] = package::requantised(sums_[c], mean, most_output);
      else
        out[c] = static_cast<std::int8_t>(package::requantised(sums_[c], mean, most_value));
  };
}

IntegerNetwork::Step IntegerNetwork::activation(int node, const package::IntegerNetwork& network) {
  const graph::Node& layer = node_at(network, node);
  const int input = storage_of_[static_cast<std::size_t>(layer.inputs[0])];
  const auto most = static_cast<std::int8_t>(
      layer.op == graph::Op::relu6 ? network.integers.of_node.at(layer.name).at(0).bias : most_value);
  return [this, node, input, most](const Member& member) {
    const std::int8_t* from = at(input);
    std::int8_t* to = at(node);
    const Member::Part part = member.part(static_cast<std::ptrdiff_t>(size(node)));
    for (std::ptrdiff_t i = part.first; i < part.end; ++i) to[i] = std::min(std::max<std::int8_t>(from[i], 0), most);
  };
}

IntegerNetwork::Step IntegerNetwork::affine(int node, const package::IntegerNetwork& network) {
  const graph::Node& layer = node_at(network, node);
  const int input = storage_of_[static_cast<std::size_t>(layer.inputs[0])];
  const bool wide = is_wide(network, node);
  if (wide) wide_.resize(size(node));
  return [this, node, input, wide, factors = network.integers.of_node.at(layer.name)](const Member& member) {
    const std::int8_t* from = at(input);
    std::int8_t* to = at(node);
    const Member::Part part = member.part(static_cast<std::ptrdiff_t>(size(node)));
    for (auto i = static_cast<std::size_t>(part.first); i < static_cast<std::size_t>(part.end); ++i) {
      const std::int64_t value = std::int64_t(from[i]) * (1 << package::affine_fraction_bits);
      const std::int32_t result =
          package::requantised(value, factors[i % factors.size()], wide ? most_output : most_value);
      if (wide)
        wide_[i] = result;
      else
        to[i] = static_cast<std::int8_t>(result);
    }
  };
}

IntegerNetwork::Step IntegerNetwork::add(int node, const package::IntegerNetwork& network) {
  const graph::Node& layer = node_at(network, node);
  std::vector<int> inputs;
  for (const int input : layer.inputs) inputs.push_back(storage_of_[static_cast<std::size_t>(input)]);
  const std::vector<Requantisation> factors = network.integers.of_node.at(layer.name);
  const bool wide = is_wide(network, node);
  if (wide) wide_.resize(size(node));
  if (inputs.size() == 2 && !wide) {
    Residual residual;
    residual.own_multiplier = factors[0].multiplier;
    residual.other_multiplier = factors[1].multiplier;
    residual.shift = factors[0].shift;
    return [this, node, inputs, residual](const Member& member) {
      const Member::Part part = member.part(static_cast<std::ptrdiff_t>(size(node)));
      kernels_.add(residual, at(inputs[0]) + part.first, at(inputs[1]) + part.first,
                   static_cast<std::size_t>(part.end - part.first), at(node) + part.first);
    };
  }
  return [this, node, inputs, factors, wide](const Member& member) {
    std::int8_t* to = at(node);
    const Member::Part part = member.part(static_cast<std::ptrdiff_t>(size(node)));
    for (auto i = static_cast<std::size_t>(part.first); i < static_cast<std::size_t>(part.end); ++i) {
      std::int64_t sum = 0;
      for (std::size_t k = 0; k < inputs.size(); ++k) sum += std::int64_t(at(inputs[k])[i]) * factors[k].multiplier;
      const std::int64_t rounded = package::round_shift(sum, factors[0].shift);
      if (wide)
        wide_[i] = package::clamped(rounded, most_output);
      else
        to[i] = static_cast<std::int8_t>(package::clamped(rounded, most_value));
    }
  };
}

IntegerNetwork::Step IntegerNetwork::concat(int node, const graph::Node& layer) {
  struct Part {
    int storage, channels;
  };
  std::vector<Part> parts;
  for (const int input : layer.inputs)
    parts.push_back({storage_of_[static_cast<std::size_t>(input)], shape(input).channels});
  return [this, node, parts](const Member& member) {
    const Member::Part share = member.part(pixels(node));
    const std::ptrdiff_t channels = shape(node).channels;
    std::ptrdiff_t first = 0;
    for (const Part& part : parts) {
      const std::int8_t* from = at(part.storage);
      for (std::ptrdiff_t p = share.first; p < share.end; ++p)
        std::memcpy(at(node) + p * channels + first, from + p * part.channels, static_cast<std::size_t>(part.channels));
      first += part.channels;
    }
  };
}

IntegerNetwork::Step IntegerNetwork::flatten(int node, int source_node) {
  const int input = storage_of_[static_cast<std::size_t>(source_node)];
  return [this, node, source_node, input](const Member& member) {
    const std::int8_t* from = at(input);
    std::int8_t* to = at(node);
    const std::ptrdiff_t places = pixels(source_node), channels = shape(source_node).channels;
    const Member::Part part = member.part(channels);
    for (std::ptrdiff_t c = part.first; c < part.end; ++c)
      for (std::ptrdiff_t p = 0; p < places; ++p) to[c * places + p] = from[p * channels + c];
  };
}

}  // namespace automask::cpu
