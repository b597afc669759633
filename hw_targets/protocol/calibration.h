#pragma once
// What fits of modelled targets to a board's times have in common: the layers that were timed, as a runner's state()
// has them under "measured", and what a fit found. C++14.
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace automask {
namespace protocol {

class CalibrationError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct LayerMeasurement {
  std::string condition, layer;
  double ms = 0;
};

// {"conditions": [{"condition": name, "layers": [{"name": ..., "ms": ...}]}]}; CalibrationError names the file and what
// is missing, or a time that is no number above 0.
std::vector<LayerMeasurement> measurements_from_json(const nlohmann::json& json, const std::string& file);

// One of "conditions" above: the median of each layer's times, `runs[layer]`.
nlohmann::json measured_layers(const std::string& condition, const std::vector<std::string>& layers,
                               const std::vector<std::vector<double>>& runs);

// That measurements name what their package has not.
CalibrationError unknown_layer(const LayerMeasurement& measurement);
CalibrationError unknown_condition(const LayerMeasurement& measurement);
// Fewer than two measurements for each constant that is to be fitted; `fitted` may be 0.
void require_enough(std::size_t measurements, std::size_t fitted);

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
  std::vector<CalibratedLayer> layers;
  std::vector<CalibratedConstant> constants;
  double error_before = 0, error_after = 0;  // root of the mean squared relative error
};

}  // namespace protocol
}  // namespace automask
