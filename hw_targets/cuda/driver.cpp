#include "hw_targets/cuda/driver.h"

#include <cstdlib>

#include "hw_targets/cuda/device.h"
#include "hw_targets/protocol/protocol.h"

namespace automask {
namespace cuda {
namespace {

constexpr int out_of_memory_result = 2;  // CUDA_ERROR_OUT_OF_MEMORY

std::string path_of(const std::string& path) {
  const char* named = std::getenv("AUTOMASK_CUDA_DRIVER");
  if (!path.empty()) return path;
  return named != nullptr && *named != '\0' ? named : "libcuda.so.1";
}

}  // namespace

Driver::Driver(const std::string& path) : library({path_of(path)}) {
  if (!library)
    throw DeviceError(protocol::unsupported, "no NVIDIA GPU can be used here: the driver's library does not load (" +
                                                 library.fault() + "); install NVIDIA's driver");
#define AUTOMASK_CUDA_FIND(member, symbol, parameters)                                           \
  if (!library.find(member, symbol))                                                             \
    throw DeviceError(protocol::unsupported, "the NVIDIA driver is too old: " + library.name() + \
                                                 " lacks " symbol ", which CUDA 10.0 has; update it");
  AUTOMASK_CUDA_DRIVER(AUTOMASK_CUDA_FIND)
#undef AUTOMASK_CUDA_FIND
#define AUTOMASK_CUDA_FIND(member, symbol, parameters) library.find(member, symbol);
  AUTOMASK_CUDA_DRIVER_GRAPHS(AUTOMASK_CUDA_FIND)
#undef AUTOMASK_CUDA_FIND
}

std::string Driver::text(int result) const {
  const char* text = nullptr;
  if (error_text == nullptr || error_text(result, &text) != 0 || text == nullptr) text = "unknown error";
  return std::string(text) + " (" + std::to_string(result) + ")";
}

void Driver::check(int result, const std::string& what) const {
  if (result == 0) return;
  throw DeviceError(result == out_of_memory_result ? protocol::out_of_memory : protocol::internal_error,
                    what + ": " + text(result));
}

}  // namespace cuda
}  // namespace automask
