#pragma once
// NVIDIA's cuDNN as another way to convolve, where it is installed: loaded while the program runs, as the driver is.
// Signatures and numbers are those of the "cuDNN API Reference", version 7.3 to 9. Inside this room only. C++14.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "hw_targets/cuda/constants.h"
#include "hw_targets/cuda/library.h"

namespace automask {
namespace cuda {

// X(member, name in the library, parameters). Handles and descriptors are pointers, as in driver.h.
#define AUTOMASK_CUDNN(X)                                                                                            \
  X(create, "cudnnCreate", (void**))                                                                                 \
  X(destroy, "cudnnDestroy", (void*))                                                                                \
  X(set_stream, "cudnnSetStream", (void*, void*))                                                                    \
  X(create_tensor, "cudnnCreateTensorDescriptor", (void**))                                                          \
  X(set_tensor, "cudnnSetTensor4dDescriptor", (void*, int, int, int, int, int, int))                                 \
  X(destroy_tensor, "cudnnDestroyTensorDescriptor", (void*))                                                         \
  X(create_filter, "cudnnCreateFilterDescriptor", (void**))                                                          \
  X(set_filter, "cudnnSetFilter4dDescriptor", (void*, int, int, int, int, int, int))                                 \
  X(destroy_filter, "cudnnDestroyFilterDescriptor", (void*))                                                         \
  X(create_convolution, "cudnnCreateConvolutionDescriptor", (void**))                                                \
  X(set_convolution, "cudnnSetConvolution2dDescriptor", (void*, int, int, int, int, int, int, int, int))             \
  X(set_groups, "cudnnSetConvolutionGroupCount", (void*, int))                                                       \
  X(set_math, "cudnnSetConvolutionMathType", (void*, int))                                                           \
  X(destroy_convolution, "cudnnDestroyConvolutionDescriptor", (void*))                                               \
  X(propose, "cudnnGetConvolutionForwardAlgorithm_v7", (void*, void*, void*, void*, void*, int, int*, void*))        \
  X(workspace, "cudnnGetConvolutionForwardWorkspaceSize", (void*, void*, void*, void*, void*, int, std::size_t*))    \
  X(forward, "cudnnConvolutionForward",                                                                              \
    (void*, const void*, void*, const void*, void*, const void*, void*, int, void*, std::size_t, const void*, void*, \
     void*))

class Cudnn;

// One layer's convolution without its epilogue: y = weights * x, weights [out, in / groups, window].
class CudnnConvolution {
 public:
  // Throws DeviceError(unsupported) where cuDNN has no algorithm for it. `half_sums`: FP16 sums in FP16.
  CudnnConvolution(const Cudnn& library, const KernelKey& key, bool half_sums);
  ~CudnnConvolution();
  CudnnConvolution(const CudnnConvolution&) = delete;
  CudnnConvolution& operator=(const CudnnConvolution&) = delete;

  std::size_t workspace_bytes() const { return workspace_bytes_; }
  int algorithm() const { return algorithm_; }
  void run(std::uint64_t x, std::uint64_t weights, std::uint64_t workspace, std::uint64_t y) const;

 private:
  void set_up(const KernelKey& key, bool half_sums);
  void choose_algorithm();
  void release();

  const Cudnn& library_;
  void *x_ = nullptr, *weights_ = nullptr, *convolution_ = nullptr, *y_ = nullptr;
  int algorithm_ = -1;
  std::size_t workspace_bytes_ = 0;
};

// What cuDNN's padding can express: as much at the end as at the beginning.
bool cudnn_can(const KernelKey& key);
KernelKey cudnn_key(const KernelKey& convolution);  // the same layer by the library

class Cudnn {
 public:
  // `path`: empty: $AUTOMASK_CUDNN, else the usual names. Where it doesn't load, or lacks one of the functions, this is
  // false and nothing else may be called.
  explicit Cudnn(const std::string& path);
  ~Cudnn();
  Cudnn(const Cudnn&) = delete;
  Cudnn& operator=(const Cudnn&) = delete;

  explicit operator bool() const { return complete_; }
  const std::string& version() const { return version_; }  // "8.2.1"
  // Of the current context. Where it does not start (one built for another driver, say) this is false from then on.
  void open(void* stream);
  const std::string& fault() const { return fault_; }  // why it is not used although it loads; empty: nothing to say
  void close();
  void check(int result, const std::string& what) const;
  void* handle() const { return handle_; }

#define AUTOMASK_CUDNN_MEMBER(member, symbol, parameters) int(*member) parameters = nullptr;
  AUTOMASK_CUDNN(AUTOMASK_CUDNN_MEMBER)
#undef AUTOMASK_CUDNN_MEMBER

 private:
  Library library_;
  std::string version_, fault_;
  bool complete_ = false;
  void* handle_ = nullptr;
};

}  // namespace cuda
}  // namespace automask
