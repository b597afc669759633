#pragma once
// A device that is this processor, by the kernels' own source behind grid.h. For tests: its times say nothing about any
// GPU, so its evidence is `modelled` and it reports no duration of its own.
#include <memory>

#include "hw_targets/cuda/device.h"

namespace automask::cuda {

// `memory_bytes`: what allocate() may hand out together.
std::unique_ptr<Device> shim_device(std::size_t memory_bytes = std::size_t(4) << 30);

}  // namespace automask::cuda
