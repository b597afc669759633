#pragma once
// A kernel held against plain loops in double precision on random values, before it may be used. C++14.
#include <cstddef>
#include <string>
#include <vector>

#include "hw_targets/cuda/device.h"
#include "hw_targets/cuda/launch.h"

namespace automask {
namespace cuda {

// What a kernel reads, as floats that its number format holds exactly.
struct LayerData {
  std::vector<float> x, weights, scale, bias, residual;
  std::vector<std::int32_t> in_list, out_list;  // INDEXED
};

// Random values in the kernel's layouts; sums come out at about 1. Where the kernel is INDEXED its lists name
// ascending rows and columns of weights that have `spare` more of each.
LayerData random_data(const KernelKey& key, unsigned seed, int spare = 3);
// One output, from the definition of the operator. `index` counts y.
double reference(const KernelKey& key, const LayerData& data, std::size_t index);

struct Agreement {
  double error = 0;  // largest difference, in parts of the largest output (at least of 1e-3)
  double limit = 0;  // 1e-4 in FP32, 2e-2 in FP16
  std::size_t compared = 0;
  bool holds() const { return compared > 0 && error <= limit; }
};

// Memory on the device for one kernel and its data, ready to be launched.
class Bench {
 public:
  Bench(Device& device, const KernelKey& key, const LayerData& data) : Bench(device, key, key, data) {}
  // The kernel of `key` on data for `part` of its outputs, which must be the first blocks of its grid.
  Bench(Device& device, const KernelKey& key, const KernelKey& part, const LayerData& data);
  void launch() { device_.launch(kernel_, grid_, arguments_); }
  double time(int repetitions) { return device_.time_launches(kernel_, grid_, arguments_, repetitions); }
  std::vector<float> outputs();  // as floats
  Kernel& kernel() { return kernel_; }

 private:
  Device& device_;
  KernelKey key_;
  Kernel& kernel_;
  Grid grid_;
  std::vector<Memory> memory_;
  Address y_ = 0;
  std::vector<Address> arguments_;
};

// Compares at most `samples` outputs, spread evenly, the first and the last among them; 0: all.
Agreement check_kernel(Device& device, const KernelKey& key, unsigned seed, std::size_t samples);
// The same on data at hand. An output that is no number is an infinite error.
Agreement compare(const KernelKey& key, const LayerData& data, const std::vector<float>& outputs, std::size_t samples);

}  // namespace cuda
}  // namespace automask
