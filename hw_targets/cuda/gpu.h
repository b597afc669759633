#pragma once
// An NVIDIA GPU through the driver (libcuda) and NVRTC, both loaded while the program runs: nothing of CUDA is needed
// to build or to start it. C++14.
#include <memory>
#include <string>

#include "hw_targets/cuda/device.h"

namespace automask {
namespace cuda {

struct GpuOptions {
  int index = 0;             // among the GPUs that the driver shows
  std::string driver;        // a library's path; empty: $AUTOMASK_CUDA_DRIVER, else libcuda.so.1
  std::string nvrtc;         // likewise, see nvrtc.h
  std::string cudnn;         // likewise, see cudnn.h; it may be missing
  std::string cache_folder;  // of compiled kernels; empty: default_cache_folder()
};

// Throws DeviceError(unsupported): no driver, no GPU, a driver too old, no NVRTC for this GPU. One sentence each.
std::unique_ptr<Device> open_gpu(const GpuOptions& options);

// $XDG_CACHE_HOME/automask/cuda, else ~/.cache/automask/cuda, else a folder below /tmp.
std::string default_cache_folder();

}  // namespace cuda
}  // namespace automask
