#pragma once
// The driver's functions that the runner uses, found by name. Signatures are those of CUDA's "Driver API"
// documentation; handles are pointers, results and attributes numbers, as there. Inside this room only. C++14.
#include <cstddef>
#include <cstdint>
#include <string>

#include "hw_targets/cuda/library.h"

namespace automask {
namespace cuda {

using Handle = void*;  // CUcontext, CUmodule, CUfunction, CUstream, CUevent, CUgraph, CUgraphExec

// X(member, name in the library, parameters). All of CUDA 10.0 and later.
#define AUTOMASK_CUDA_DRIVER(X)                                                                             \
  X(init, "cuInit", (unsigned))                                                                             \
  X(driver_version, "cuDriverGetVersion", (int*))                                                           \
  X(device_count, "cuDeviceGetCount", (int*))                                                               \
  X(device_get, "cuDeviceGet", (int*, int))                                                                 \
  X(device_name, "cuDeviceGetName", (char*, int, int))                                                      \
  X(device_attribute, "cuDeviceGetAttribute", (int*, int, int))                                             \
  X(total_memory, "cuDeviceTotalMem_v2", (std::size_t*, int))                                               \
  X(context_retain, "cuDevicePrimaryCtxRetain", (Handle*, int))                                             \
  X(context_release, "cuDevicePrimaryCtxRelease", (int))                                                    \
  X(context_set, "cuCtxSetCurrent", (Handle))                                                               \
  X(memory_info, "cuMemGetInfo_v2", (std::size_t*, std::size_t*))                                           \
  X(allocate, "cuMemAlloc_v2", (std::uint64_t*, std::size_t))                                               \
  X(release, "cuMemFree_v2", (std::uint64_t))                                                               \
  X(to_device, "cuMemcpyHtoD_v2", (std::uint64_t, const void*, std::size_t))                                \
  X(from_device, "cuMemcpyDtoH_v2", (void*, std::uint64_t, std::size_t))                                    \
  X(fill, "cuMemsetD8_v2", (std::uint64_t, unsigned char, std::size_t))                                     \
  X(module_load, "cuModuleLoadData", (Handle*, const void*))                                                \
  X(module_unload, "cuModuleUnload", (Handle))                                                              \
  X(module_function, "cuModuleGetFunction", (Handle*, Handle, const char*))                                 \
  X(function_attribute, "cuFuncGetAttribute", (int*, int, Handle))                                          \
  X(launch, "cuLaunchKernel",                                                                               \
    (Handle, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, Handle, void**, void**)) \
  X(stream_create, "cuStreamCreate", (Handle*, unsigned))                                                   \
  X(stream_wait, "cuStreamSynchronize", (Handle))                                                           \
  X(stream_destroy, "cuStreamDestroy_v2", (Handle))                                                         \
  X(event_create, "cuEventCreate", (Handle*, unsigned))                                                     \
  X(event_record, "cuEventRecord", (Handle, Handle))                                                        \
  X(event_wait, "cuEventSynchronize", (Handle))                                                             \
  X(event_elapsed, "cuEventElapsedTime", (float*, Handle, Handle))                                          \
  X(event_destroy, "cuEventDestroy_v2", (Handle))                                                           \
  X(error_text, "cuGetErrorString", (int, const char**))

// Graphs: of 10.1 and later; absent, work is launched kernel by kernel.
#define AUTOMASK_CUDA_DRIVER_GRAPHS(X)                                                            \
  X(capture_begin, "cuStreamBeginCapture_v2", (Handle, int))                                      \
  X(capture_end, "cuStreamEndCapture", (Handle, Handle*))                                         \
  X(graph_launch, "cuGraphLaunch", (Handle, Handle))                                              \
  X(graph_destroy, "cuGraphDestroy", (Handle))                                                    \
  X(graph_exec_destroy, "cuGraphExecDestroy", (Handle))                                           \
  X(instantiate_with_flags, "cuGraphInstantiateWithFlags", (Handle*, Handle, unsigned long long)) \
  X(instantiate, "cuGraphInstantiate", (Handle*, Handle, Handle*, char*, std::size_t))

struct Driver {
  // Throws DeviceError(unsupported) where the library or one of the first list is missing.
  explicit Driver(const std::string& path);

#define AUTOMASK_CUDA_MEMBER(member, symbol, parameters) int(*member) parameters = nullptr;
  AUTOMASK_CUDA_DRIVER(AUTOMASK_CUDA_MEMBER)
  AUTOMASK_CUDA_DRIVER_GRAPHS(AUTOMASK_CUDA_MEMBER)
#undef AUTOMASK_CUDA_MEMBER

  bool has_graphs() const {
    return capture_begin != nullptr && capture_end != nullptr && graph_launch != nullptr && graph_destroy != nullptr &&
           graph_exec_destroy != nullptr && (instantiate_with_flags != nullptr || instantiate != nullptr);
  }
  // "out of memory (2)".
  std::string text(int result) const;
  // Throws DeviceError unless 0: out_of_memory for the driver's 2, else internal_error: "WHAT: out of memory (2)".
  void check(int result, const std::string& what) const;

  Library library;
};

}  // namespace cuda
}  // namespace automask
