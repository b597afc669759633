#pragma once
// Fits a board profile's constants, which are assumed, to layers that a board has timed. C++14.
//
// What is fitted: DDR's effective rate, the cost of beginning a burst, latency, starting a stream, and the ARM cores'
// time per operation. Least squares of the relative errors (Levenberg and Marquardt) over the logarithms of the
// constants; a constant that no measured layer depends on keeps its value.
#include <vector>

#include "hw_targets/protocol/calibration.h"
#include "hw_targets/z7020/board.h"
#include "hw_targets/z7020/compile.h"

namespace automask {
namespace z7020 {

struct Calibration : protocol::Calibration {
  Board board;
};

// `image` is what was measured: compiled with Layers::apart for this profile at this clock. Throws
// protocol::CalibrationError: an unknown condition or layer, or fewer than two measurements for each constant to be
// fitted.
Calibration calibrate(const Image& image, const Board& board, double mhz,
                      const std::vector<protocol::LayerMeasurement>& measurements);

}  // namespace z7020
}  // namespace automask
