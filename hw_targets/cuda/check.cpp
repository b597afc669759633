#include "hw_targets/cuda/check.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "hw_targets/cuda/half.h"

namespace automask {
namespace cuda {
namespace {

constexpr double float_limit = 1e-4, half_limit = 2e-2, least_output = 1e-3;

bool convolves(const std::string& name) { return name == "convolution" || name == "grouped" || name == "cudnn"; }
bool has_weights(const std::string& name) { return convolves(name) || name == "linear"; }
bool from_bytes(const std::string& name) { return name == "picture"; }
bool to_floats(const std::string& name) { return name == "logits"; }

// `kept` ascending numbers below kept + spare.
std::vector<std::int32_t> random_list(int kept, int spare, std::mt19937& random) {
  std::vector<std::int32_t> all;
  for (int i = 0; i < kept + spare; ++i) all.push_back(i);
  while (static_cast<int>(all.size()) > kept)
    all.erase(all.begin() + static_cast<std::ptrdiff_t>(random() % all.size()));
  return all;
}

double activated(const Constants& c, double value) {
  if (c.activation != 0) value = std::max(value, 0.0);
  return c.activation == 2 ? std::min(value, 6.0) : value;
}

double weight_of(const KernelKey& key, const LayerData& data, int out, int in, int place) {
  const Constants& c = key.constants;
  const auto at = [](const std::vector<std::int32_t>& list, int i) { return list[static_cast<std::size_t>(i)]; };
  const bool listed = c.indexed != 0;
  const int window = c.kernel_h * c.kernel_w;
  std::size_t row, column;
  if (key.name == "convolution") {
    row = static_cast<std::size_t>((listed ? at(data.in_list, in) : in) * window + place);
    column = static_cast<std::size_t>(listed ? at(data.out_list, out) : out);
  } else {
    row = static_cast<std::size_t>(listed ? at(data.out_list, out) : out);
    column = static_cast<std::size_t>(key.name != "linear" ? in * window + place : listed ? at(data.in_list, in) : in);
  }
  return data.weights[row * static_cast<std::size_t>(c.weight_stride) + column];
}

double window_sum(const KernelKey& key, const LayerData& data, int channel, int y, int x) {
  const Constants& c = key.constants;
  const int groups = std::max(c.groups, 1), of_group = c.in_channels / groups;
  const int first = channel / (c.out_channels / groups) * of_group;
  double sum = 0;
  for (int i = 0; i < of_group; ++i)
    for (int ky = 0; ky < c.kernel_h; ++ky)
      for (int kx = 0; kx < c.kernel_w; ++kx) {
        const int sy = y * c.stride_h - c.pad_top + ky * c.dilation_h;
        const int sx = x * c.stride_w - c.pad_left + kx * c.dilation_w;
        if (sy < 0 || sy >= c.in_height || sx < 0 || sx >= c.in_width) continue;
        const auto at = static_cast<std::size_t>(((first + i) * c.in_height + sy) * c.in_width + sx);
        sum += static_cast<double>(data.x[at]) * weight_of(key, data, channel, i, ky * c.kernel_w + kx);
      }
  return sum;
}

double pooled(const KernelKey& key, const LayerData& data, int channel, int y, int x) {
  const Constants& c = key.constants;
  const bool whole = key.name == "global_avg_pool";
  const int height = whole ? c.in_height : c.kernel_h, width = whole ? c.in_width : c.kernel_w;
  const int top = whole ? 0 : y * c.stride_h - c.pad_top, left = whole ? 0 : x * c.stride_w - c.pad_left;
  double sum = 0, most = -std::numeric_limits<double>::infinity();
  int counted = 0;
  for (int sy = top; sy < top + height; ++sy)
    for (int sx = left; sx < left + width; ++sx) {
      const bool inside = sy >= 0 && sy < c.in_height && sx >= 0 && sx < c.in_width;
      if (inside || (c.count_padding != 0 && sy < c.in_height + c.pad_bottom && sx < c.in_width + c.pad_right))
        ++counted;
      if (!inside) continue;
      const double value = data.x[static_cast<std::size_t>((channel * c.in_height + sy) * c.in_width + sx)];
      sum += value;
      most = std::max(most, value);
    }
  return key.name == "max_pool" ? most : sum / counted;
}

// Bytes in the kernel's number format.
std::vector<unsigned char> bytes_of(const std::vector<float>& values, bool half) {
  std::vector<unsigned char> bytes(values.size() * (half ? 2 : 4));
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (half) {
      const std::uint16_t bits = half_of(values[i]);
      std::memcpy(bytes.data() + 2 * i, &bits, 2);
    } else {
      std::memcpy(bytes.data() + 4 * i, &values[i], 4);
    }
  }
  return bytes;
}

}  // namespace

LayerData random_data(const KernelKey& key, unsigned seed, int spare) {
  const Constants& c = key.constants;
  std::mt19937 random(seed);
  // Not std::uniform_real_distribution, whose numbers differ between libraries.
  const auto fill = [&](std::size_t count, float from, float to, bool half) {
    std::vector<float> values(count);
    for (float& value : values) {
      value = from + (to - from) * static_cast<float>(random() >> 8) / 16777216.F;
      if (half) value = float_of(half_of(value));
    }
    return values;
  };
  LayerData data;
  if (from_bytes(key.name)) {
    data.x.resize(values_in(c));
    for (float& level : data.x) level = static_cast<float>(random() % 256);
    data.scale = fill(static_cast<std::size_t>(c.in_channels) * 256, -2, 2, false);
    return data;
  }
  data.x = fill(key.name == "logits" || key.name == "softmax" || key.name == "affine" ? values_out(c) : values_in(c),
                -1, 1, key.half);
  const auto channels = static_cast<std::size_t>(c.out_channels);
  if (has_weights(key.name)) {
    const int groups = std::max(c.groups, 1);
    const float reach = 3.F / std::sqrt(static_cast<float>(c.in_channels / groups) *
                                        static_cast<float>(std::max(c.kernel_h * c.kernel_w, 1)));
    std::size_t rows = weight_values(key) / static_cast<std::size_t>(c.weight_stride);
    if (c.indexed != 0) {
      data.in_list = random_list(c.in_channels, spare, random);
      data.out_list = random_list(c.out_channels, spare, random);
      rows = key.name == "convolution" ? static_cast<std::size_t>((c.in_channels + spare) * c.kernel_h * c.kernel_w)
                                       : channels + static_cast<std::size_t>(spare);
    }
    data.weights = fill(rows * static_cast<std::size_t>(c.weight_stride), -reach, reach, key.half);
  }
  if (has_weights(key.name) || key.name == "affine") {
    data.scale = fill(channels, 0.5F, 1.5F, false);
    data.bias = fill(channels, -1, 1, false);
  }
  if (c.residual != 0) data.residual = fill(values_out(c), -1, 1, key.half);
  return data;
}

double reference(const KernelKey& key, const LayerData& data, std::size_t index) {
  const Constants& c = key.constants;
  if (key.name == "copy" || key.name == "logits") return data.x[index];
  if (key.name == "picture") {
    const std::size_t pixels = static_cast<std::size_t>(c.in_height) * static_cast<std::size_t>(c.in_width);
    const std::size_t channel = index / pixels, pixel = index % pixels;
    const auto level = static_cast<std::size_t>(data.x[pixel * static_cast<std::size_t>(c.in_channels) + channel]);
    return data.scale[channel * 256 + level];
  }
  if (key.name == "softmax") {
    double sum = 0;
    for (const float value : data.x) sum += std::exp(static_cast<double>(value) - data.x[index]);
    return 1 / sum;
  }
  const int pixels = std::max(c.out_height * c.out_width, 1);
  const int channel = static_cast<int>(index) / pixels, place = static_cast<int>(index) % pixels;
  const int y = place / std::max(c.out_width, 1), x = place % std::max(c.out_width, 1);
  double value;
  if (convolves(key.name)) {
    value = window_sum(key, data, channel, y, x);
  } else if (key.name == "linear") {
    value = 0;
    for (int i = 0; i < c.in_channels; ++i)
      value += static_cast<double>(data.x[static_cast<std::size_t>(i)]) * weight_of(key, data, channel, i, 0);
  } else if (key.name == "affine") {
    value = data.x[index];
  } else {
    return activated(c, pooled(key, data, channel, y, x));
  }
  if (!data.scale.empty())
    value = value * data.scale[static_cast<std::size_t>(channel)] + data.bias[static_cast<std::size_t>(channel)];
  if (c.residual != 0) value += data.residual[index];
  return activated(c, value);
}

Bench::Bench(Device& device, const KernelKey& key, const KernelKey& part, const LayerData& data)
    : device_(device), key_(part), kernel_(device.kernel(key)), grid_(grid_of(part)) {
  const auto keep = [&](Memory memory) {
    memory_.push_back(std::move(memory));
    return memory_.back().address();
  };
  const auto reals = [&](const std::vector<float>& values) {
    return values.empty() ? 0 : keep(on_device(device, bytes_of(values, key.half)));
  };
  Operands o;
  if (from_bytes(key.name)) {
    o.x = keep(on_device(device, std::vector<std::uint8_t>(data.x.begin(), data.x.end())));
  } else {
    o.x = reals(data.x);
  }
  o.weights = reals(data.weights);
  o.residual = reals(data.residual);
  if (!data.scale.empty()) o.scale = keep(on_device(device, data.scale));
  if (!data.bias.empty()) o.bias = keep(on_device(device, data.bias));
  if (!data.in_list.empty()) o.in_list = keep(on_device(device, data.in_list));
  if (!data.out_list.empty()) o.out_list = keep(on_device(device, data.out_list));
  const bool same = key.name == "copy" || from_bytes(key.name);
  const std::size_t outputs = same ? values_in(part.constants) : values_out(part.constants);
  o.y = keep(Memory(device, outputs * (key.half && !to_floats(key.name) ? 2 : 4)));
  y_ = o.y;
  arguments_ = arguments_of(key, o);
}

std::vector<float> Bench::outputs() {
  const Memory& y = memory_.back();
  const bool halves = key_.half && !to_floats(key_.name);
  std::vector<float> values(y.bytes() / (halves ? 2 : 4));
  if (!halves) {
    device_.from_device(values.data(), y_, y.bytes());
    return values;
  }
  std::vector<std::uint16_t> bits(values.size());
  device_.from_device(bits.data(), y_, y.bytes());
  std::transform(bits.begin(), bits.end(), values.begin(), float_of);
  return values;
}

Agreement compare(const KernelKey& key, const LayerData& data, const std::vector<float>& outputs, std::size_t samples) {
  Agreement agreement;
  agreement.limit = key.half ? half_limit : float_limit;
  const std::size_t count = outputs.size();
  if (count == 0) return agreement;
  if (samples == 0 || samples > count) samples = count;
  double largest = least_output, worst = 0;
  for (std::size_t i = 0; i < samples; ++i) {
    const std::size_t index = samples == 1 ? 0 : i * (count - 1) / (samples - 1);
    const double expected = reference(key, data, index), difference = std::abs(outputs[index] - expected);
    largest = std::max(largest, std::abs(expected));
    worst = difference <= worst ? worst : std::isfinite(difference) ? difference : INFINITY;
  }
  agreement.compared = samples;
  agreement.error = worst / largest;
  return agreement;
}

Agreement check_kernel(Device& device, const KernelKey& key, unsigned seed, std::size_t samples) {
  const LayerData data = random_data(key, seed);
  Bench bench(device, key, data);
  bench.launch();
  return compare(key, data, bench.outputs(), samples);
}

}  // namespace cuda
}  // namespace automask
