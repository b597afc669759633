#pragma once
// How each kernel is started: its grid, and its arguments in their order. C++14.
#include <cstdint>
#include <vector>

#include "hw_targets/cuda/device.h"

namespace automask {
namespace cuda {

// What a layer's kernel reads and writes. Each kernel takes those that its file names.
struct Operands {
  Address x = 0, weights = 0, scale = 0, bias = 0, residual = 0, in_list = 0, out_list = 0, y = 0;
};

// For all kernels but repack, whose blocks are as many as its work list is long.
Grid grid_of(const KernelKey& key);
std::vector<Address> arguments_of(const KernelKey& key, const Operands& operands);

// One layer's part of a switch, as kernels/repack.cu declares it.
struct RepackJob {
  Address from = 0, to = 0, rows = 0, columns = 0;  // lists: 0 is the identity
  std::int64_t height = 0, width = 0, from_stride = 0, to_stride = 0, taps = 1;
};
struct RepackBlock {
  std::int32_t job, first;
};
constexpr int repack_values_per_block = 2048, repack_threads = 256;

// Output channels and pixels of a convolution's block, products between two barriers.
struct Tile {
  int m, n, k;
};
// Those that prepare() tries, the most usual first.
const std::vector<Tile>& tiles();
int products_of_tile(bool half);  // Tile::k for a number format
// Threads of a block, and bytes of shared memory that it takes.
inline int threads_of(const Tile& tile) { return tile.m * tile.n / 32; }
inline int shared_bytes_of(const Tile& tile, bool half) { return tile.k * (tile.m + tile.n) * (half ? 2 : 4); }

// Values that a key's kernel reads as x and writes as y.
std::size_t values_in(const Constants& c);
std::size_t values_out(const Constants& c);
// Values of the weights as they lie in memory: rows times WEIGHT_STRIDE.
std::size_t weight_values(const KernelKey& key);

}  // namespace cuda
}  // namespace automask
