// A compiled kernel's file, as it may lie damaged in the cache: any bytes give facts, none a fault.
#include <cstdint>
#include <string>

#include "hw_targets/cuda/cubin.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  automask::cuda::read_cubin({reinterpret_cast<const char*>(data), size}, "kernel");
  return 0;
}
