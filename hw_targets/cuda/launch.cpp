#include "hw_targets/cuda/launch.h"

#include <stdexcept>

namespace automask {
namespace cuda {
namespace {

constexpr unsigned elementwise_threads = 256, grouped_threads = 128, warps_of_block = 4;

unsigned parts(std::size_t whole, std::size_t part) { return static_cast<unsigned>((whole + part - 1) / part); }

Grid elementwise(std::size_t values) { return {parts(values, elementwise_threads), 1, elementwise_threads}; }

}  // namespace

std::size_t values_in(const Constants& c) {
  return static_cast<std::size_t>(c.in_channels) * static_cast<std::size_t>(c.in_height) *
         static_cast<std::size_t>(c.in_width);
}

std::size_t values_out(const Constants& c) {
  return static_cast<std::size_t>(c.out_channels) * static_cast<std::size_t>(c.out_height) *
         static_cast<std::size_t>(c.out_width);
}

std::size_t weight_values(const KernelKey& key) {
  const Constants& c = key.constants;
  if (key.name == "convolution")
    return static_cast<std::size_t>(c.in_channels * c.kernel_h * c.kernel_w) *
           static_cast<std::size_t>(c.weight_stride);
  return static_cast<std::size_t>(c.out_channels) * static_cast<std::size_t>(c.weight_stride);
}

Grid grid_of(const KernelKey& key) {
  const Constants& c = key.constants;
  const std::size_t pixels = static_cast<std::size_t>(c.out_height) * static_cast<std::size_t>(c.out_width);
  const auto channels = static_cast<std::size_t>(c.out_channels);
  if (key.name == "convolution")
    return {parts(pixels, static_cast<std::size_t>(c.tile_n)), parts(channels, static_cast<std::size_t>(c.tile_m)),
            static_cast<unsigned>(threads_of({c.tile_m, c.tile_n, c.tile_k}))};
  if (key.name == "grouped")
    return {parts(pixels, grouped_threads), static_cast<unsigned>(c.out_channels), grouped_threads};
  if (key.name == "linear" || key.name == "global_avg_pool")
    return {parts(channels, warps_of_block), 1, 32 * warps_of_block};
  if (key.name == "softmax") return {1, 1, 32};
  if (key.name == "cudnn") return {};  // its own business
  if (key.name == "copy" || key.name == "picture") return elementwise(values_in(c));
  if (key.name == "logits") return elementwise(channels);
  if (key.name == "affine" || key.name == "max_pool" || key.name == "avg_pool") return elementwise(values_out(c));
  throw std::logic_error("no grid for a kernel " + key.name);
}

std::vector<Address> arguments_of(const KernelKey& key, const Operands& o) {
  if (key.name == "convolution") return {o.x, o.weights, o.scale, o.bias, o.residual, o.in_list, o.out_list, o.y};
  if (key.name == "cudnn") return {o.x, o.weights, o.scale, o.bias, o.residual, o.y};
  if (key.name == "grouped") return {o.x, o.weights, o.scale, o.bias, o.residual, o.out_list, o.y};
  if (key.name == "linear") return {o.x, o.weights, o.scale, o.bias, o.in_list, o.out_list, o.y};
  if (key.name == "affine") return {o.x, o.scale, o.bias, o.residual, o.y};
  if (key.name == "picture") return {o.x, o.scale, o.y};
  return {o.x, o.y};
}

const std::vector<Tile>& tiles() {
  static const std::vector<Tile> all = {{64, 64, 16}, {32, 32, 16}, {64, 32, 16}, {32, 64, 16}, {128, 64, 16}};
  return all;
}

int products_of_tile(bool half) { return half ? 32 : 16; }

}  // namespace cuda
}  // namespace automask
