#pragma once
// One key for every way a kernel's source can be compiled: each file, each tile, lists, residuals, window sizes.
#include "tests/unit/cuda/layers.h"

namespace automask::cuda {

inline std::vector<KernelKey> variants(bool half) {
  std::vector<KernelKey> all;
  for (const Tile& tile : tiles()) all.push_back(convolution(64, 128, 14, 3, 1, 1, half, tile));
  all.push_back(convolution(3, 64, 56, 7, 2, 3, half));
  all.push_back(convolution(64, 128, 14, 1, 1, 0, half));
  KernelKey key = convolution(48, 56, 14, 3, 2, 1, half);
  key.constants.indexed = 1;
  key.constants.weight_stride = 64;
  key.constants.residual = 1;
  key.constants.activation = 1;
  all.push_back(key);
  key = grouped(32, 1, 1, 28, 3, 1, half);
  key.constants.activation = 2;
  all.push_back(key);
  all.push_back(grouped(4, 8, 8, 14, 3, 1, half));
  key = linear(512, 1000, half);
  all.push_back(key);
  key.constants.indexed = 1;
  all.push_back(key);
  all.push_back(pool("max_pool", 64, 56, 3, 2, 1, half));
  all.push_back(pool("avg_pool", 64, 56, 3, 2, 1, half, true));
  all.push_back(plain("global_avg_pool", 512, 7, 7, half));
  key = plain("affine", 64, 28, 28, half);
  key.constants.residual = 1;
  all.push_back(key);
  for (const char* name : {"copy", "picture"}) all.push_back(plain(name, 3, 32, 32, half));
  for (const char* name : {"softmax", "logits"}) all.push_back(plain(name, 1000, 1, 1, half));
  all.push_back({"repack", half, {}});
  return all;
}

// "convolution 64x64 fp16 indexed", for people.
inline std::string title(const KernelKey& key) {
  const Constants& c = key.constants;
  std::string text = key.name + (key.half ? " fp16" : " fp32");
  if (c.kernel_h > 0) text += " " + std::to_string(c.kernel_h) + "x" + std::to_string(c.kernel_w);
  if (c.tile_m > 0) text += " tile " + std::to_string(c.tile_m) + "x" + std::to_string(c.tile_n);
  if (c.indexed != 0) text += " indexed";
  if (c.residual != 0) text += " residual";
  return text;
}

// What one multiprocessor of sm_62 has. Source: CUDA C++ Programming Guide, "Technical Specifications per Compute
// Capability".
constexpr int sm_62_registers = 65536, sm_62_registers_of_block = 32768, sm_62_registers_of_thread = 255,
              sm_62_shared_of_block = 48 * 1024, sm_62_threads_of_block = 1024;

}  // namespace automask::cuda
