#pragma once
// The CUDA runner's room: start here. C++14; shim/ is C++20 and stays on the host.
//
//   package -> lower (lowering.h): fused steps per condition, places in one arena
//           -> choose (choice.h): candidates held against plain loops (check.h), the fastest kept
//           -> Network (network.h): the union's weights on the device, a switch gathers what a condition keeps
//           -> Device (device.h): gpu.h (driver and NVRTC, found when the program runs) or shim/ (the same kernels
//           here)
//
// kernels/ holds the CUDA source, specialised to a layer by what constants.h lists. roofline.h models a TX2 where there
// is none; docs/tx2.md explains it.
#include "hw_targets/cuda/backend.h"
#include "hw_targets/cuda/gpu.h"
#include "hw_targets/cuda/network.h"
#include "hw_targets/cuda/roofline.h"
