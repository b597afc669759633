#pragma once
// Keys of kernels for tests: layers of any shape, and those that the zoo's networks have.
#include <random>
#include <string>
#include <vector>

#include "hw_targets/cuda/launch.h"

namespace automask::cuda {

inline int windows(int size, int before, int after, int kernel, int stride, int dilation = 1) {
  return (size + before + after - (kernel - 1) * dilation - 1) / stride + 1;
}

inline KernelKey convolution(int in, int out, int size, int kernel, int stride, int pad, bool half,
                             Tile tile = {64, 64, 16}) {
  KernelKey key{"convolution", half, {}};
  Constants& c = key.constants;
  c.in_channels = in;
  c.in_height = c.in_width = size;
  c.out_channels = out;
  c.kernel_h = c.kernel_w = kernel;
  c.stride_h = c.stride_w = stride;
  c.dilation_h = c.dilation_w = 1;
  c.pad_top = c.pad_left = c.pad_bottom = c.pad_right = pad;
  c.out_height = c.out_width = windows(size, pad, pad, kernel, stride);
  c.groups = 1;
  c.weight_stride = (out + 7) / 8 * 8;
  c.tile_m = tile.m;
  c.tile_n = tile.n;
  c.tile_k = products_of_tile(half);
  return key;
}

inline KernelKey grouped(int channels, int of_group, int out_of_group, int size, int kernel, int stride, bool half) {
  KernelKey key = convolution(channels * of_group, channels * out_of_group, size, kernel, stride, kernel / 2, half);
  key.name = "grouped";
  key.constants.groups = channels;
  key.constants.weight_stride = of_group * kernel * kernel;
  key.constants.tile_m = key.constants.tile_n = key.constants.tile_k = 0;
  return key;
}

inline KernelKey linear(int in, int out, bool half) {
  KernelKey key{"linear", half, {}};
  Constants& c = key.constants;
  c.in_channels = in;
  c.out_channels = out;
  c.in_height = c.in_width = c.out_height = c.out_width = 1;
  c.weight_stride = (in + 7) / 8 * 8;
  return key;
}

// affine, copy, logits, picture, softmax, global_avg_pool: x and y of one shape, but for the last.
inline KernelKey plain(const std::string& name, int channels, int height, int width, bool half) {
  KernelKey key{name, half, {}};
  Constants& c = key.constants;
  c.in_channels = c.out_channels = channels;
  c.in_height = c.out_height = height;
  c.in_width = c.out_width = width;
  if (name == "global_avg_pool") c.out_height = c.out_width = 1;
  return key;
}

inline KernelKey pool(const std::string& name, int channels, int size, int kernel, int stride, int pad, bool half,
                      bool ceil = false) {
  KernelKey key = plain(name, channels, size, size, half);
  Constants& c = key.constants;
  c.kernel_h = c.kernel_w = kernel;
  c.stride_h = c.stride_w = stride;
  c.pad_top = c.pad_left = c.pad_bottom = c.pad_right = pad;
  c.out_height = c.out_width = windows(size, pad, pad + (ceil ? stride - 1 : 0), kernel, stride);
  if (ceil && (c.out_height - 1) * stride >= size + pad) --c.out_height, --c.out_width;
  return key;
}

// Any convolution there may be: windows larger than the picture, uneven padding, dilation, lists, one of everything.
inline KernelKey any_convolution(std::mt19937& random, bool half) {
  const auto draw = [&](int from, int to) {
    return from + static_cast<int>(random() % static_cast<unsigned>(to - from + 1));
  };
  const std::vector<Tile>& all = tiles();
  KernelKey key = convolution(draw(1, 40), draw(1, 150), 1, 1, 1, 0, half, all[random() % all.size()]);
  Constants& c = key.constants;
  c.in_height = draw(1, 14);
  c.in_width = draw(1, 14);
  c.kernel_h = draw(1, 5);
  c.kernel_w = draw(1, 5);
  c.stride_h = draw(1, 3);
  c.stride_w = draw(1, 3);
  c.dilation_h = draw(1, 2);
  c.dilation_w = draw(1, 2);
  // As much padding as gives one window at least.
  const auto padding = [&](int size, int kernel, int dilation, int& before, int& after) {
    before = draw(0, kernel);
    after = draw(0, kernel);
    while (size + before + after < (kernel - 1) * dilation + 1) ++after;
  };
  padding(c.in_height, c.kernel_h, c.dilation_h, c.pad_top, c.pad_bottom);
  padding(c.in_width, c.kernel_w, c.dilation_w, c.pad_left, c.pad_right);
  c.out_height = windows(c.in_height, c.pad_top, c.pad_bottom, c.kernel_h, c.stride_h, c.dilation_h);
  c.out_width = windows(c.in_width, c.pad_left, c.pad_right, c.kernel_w, c.stride_w, c.dilation_w);
  c.activation = draw(0, 2);
  c.residual = draw(0, 1);
  c.indexed = draw(0, 1);
  // The lists name three rows and columns more than are kept.
  c.weight_stride = (c.out_channels + 3 * c.indexed + 7) / 8 * 8;
  return key;
}

}  // namespace automask::cuda
