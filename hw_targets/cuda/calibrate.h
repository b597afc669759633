#pragma once
// Fits the roofline's shares to layers that a TX2 has timed, one by one, with this runner's kernels. C++14.
#include <vector>

#include "hw_targets/cuda/roofline.h"
#include "hw_targets/protocol/calibration.h"

namespace automask {
namespace cuda {

struct Calibration : protocol::Calibration {
  Profile profile;  // of Execution::kernels
};

// `before` is what the error before is of. A share that no layer depends on stays as it was. Throws
// protocol::CalibrationError: an unknown condition or layer, or fewer than two measurements for each constant;
// graph::GraphError and DeviceError as lower() does.
Calibration calibrate(const package::Package& package, const Profile& before,
                      const std::vector<protocol::LayerMeasurement>& measurements);

}  // namespace cuda
}  // namespace automask
