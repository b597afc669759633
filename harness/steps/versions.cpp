#include "harness/steps/versions.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <torch/version.h>

#include <opencv2/core/version.hpp>

#include "harness/environment.h"

namespace automask::harness::steps {

std::string version_line() {
  return fmt::format("automask-step {} (LibTorch {}, OpenCV {})", version(), TORCH_VERSION, CV_VERSION);
}

}  // namespace automask::harness::steps
