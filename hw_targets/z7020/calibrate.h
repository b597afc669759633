#pragma once
// Fits a board profile's constants, which are assumed, to layers that a board has timed. C++14.
//
// What is fitted: DDR's effective rate, the cost of beginning a burst, latency, starting a stream, and the ARM cores'
// time per operation. Least squares of the relative errors (Levenberg and Marquardt) over the logarithms of the
// constants; a constant that no measured layer depends on keeps its value.
#include <stdexcept>
#include <string>
#include <vector>

#include "hw_targets/z7020/board.h"
#include "hw_targets/z7020/compile.h"

namespace automask {
namespace z7020 {

class CalibrationError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct LayerMeasurement {
  std::string condition, layer;
  double ms = 0;
};

// {"conditions": [{"condition": name, "layers": [{"name": ..., "ms": ...}]}]}, as the runner's state() has it.
std::vector<LayerMeasurement> measurements_from_json(const nlohmann::json& json, const std::string& file);

struct CalibratedLayer {
  LayerMeasurement measured;
  double before_ms = 0, after_ms = 0;  // modelled
};

struct CalibratedConstant {
  std::string name;  // as in the profile, "/ddr/latency_ns"
  double before = 0, after = 0;
  bool fitted = false;  // else no measured layer depends on it
};

struct Calibration {
  Board board;
  std::vector<CalibratedLayer> layers;
  std::vector<CalibratedConstant> constants;
  double error_before = 0, error_after = 0;  // root of the mean squared relative error
};

// `image` is what was measured: compiled with Layers::apart for this profile at this clock. Throws CalibrationError: an
// unknown condition or layer, or fewer than two measurements for each constant to be fitted.
Calibration calibrate(const Image& image, const Board& board, double mhz,
                      const std::vector<LayerMeasurement>& measurements);

}  // namespace z7020
}  // namespace automask
