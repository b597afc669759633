#pragma once
#include <string>

namespace automask::harness::steps {

// "automask-step 0.1.0 (LibTorch 1.13.1, OpenCV 4.6.0, 2 threads)": for `doctor`.
std::string version_line();

}  // namespace automask::harness::steps
