#pragma once
// What a kernel is specialised to. NVRTC gets each as a #define, so that loops unroll and divisions become shifts; the
// launch shim reads them at run time, so that one build serves all layers. C++14.
#include <string>

namespace automask {
namespace cuda {

// X(field, name in the kernels). Rows and columns of a kernel's matrices are named in its own file.
#define AUTOMASK_CUDA_CONSTANTS(X)                                                                \
  X(in_channels, IN_CHANNELS)                                                                     \
  X(in_height, IN_HEIGHT)                                                                         \
  X(in_width, IN_WIDTH)                                                                           \
  X(out_channels, OUT_CHANNELS)                                                                   \
  X(out_height, OUT_HEIGHT)                                                                       \
  X(out_width, OUT_WIDTH)                                                                         \
  X(kernel_h, KERNEL_H)                                                                           \
  X(kernel_w, KERNEL_W)                                                                           \
  X(stride_h, STRIDE_H)                                                                           \
  X(stride_w, STRIDE_W)                                                                           \
  X(pad_top, PAD_TOP)                                                                             \
  X(pad_left, PAD_LEFT)                                                                           \
  X(pad_bottom, PAD_BOTTOM)                                                                       \
  X(pad_right, PAD_RIGHT)                                                                         \
  X(dilation_h, DILATION_H)                                                                       \
  X(dilation_w, DILATION_W)                                                                       \
  X(groups, GROUPS)                                                                               \
  X(count_padding, COUNT_PADDING) /* avg_pool: count_include_pad */                               \
  X(activation, ACTIVATION)       /* 0 none, 1 relu, 2 relu6 */                                   \
  X(residual, RESIDUAL)           /* 1: a second input is added before the activation */          \
  X(indexed, INDEXED)             /* 1: weights are the union's, read through channel lists */    \
  X(weight_stride, WEIGHT_STRIDE) /* values from one row of the weights to the next */            \
  X(tile_m, TILE_M)               /* convolution: output channels of a block, a multiple of 32 */ \
  X(tile_n, TILE_N)               /* convolution: output pixels of a block, a multiple of 32 */   \
  X(tile_k, TILE_K)               /* convolution: products between two barriers, a multiple of 4 */

struct Constants {
#define AUTOMASK_CUDA_FIELD(field, name) int field = 0;
  AUTOMASK_CUDA_CONSTANTS(AUTOMASK_CUDA_FIELD)
#undef AUTOMASK_CUDA_FIELD
};

bool operator==(const Constants& a, const Constants& b);
// "#define IN_CHANNELS 64\n..."
std::string defines(const Constants& constants);

// One specialised kernel: a file of kernels/, its entry point of the same name, its number format.
struct KernelKey {
  std::string name;
  bool half = false;
  Constants constants;
};
inline bool operator==(const KernelKey& a, const KernelKey& b) {
  return a.name == b.name && a.half == b.half && a.constants == b.constants;
}
// The source that NVRTC compiles, whole: defines, kernels/prelude.cu, kernels/<name>.cu.
std::string source_of(const KernelKey& key);
// All there are, in the order of the files' names.
const char* const* kernel_names();  // ends with nullptr

}  // namespace cuda
}  // namespace automask
