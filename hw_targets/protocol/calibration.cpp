#include "hw_targets/protocol/calibration.h"

#include <algorithm>
#include <cmath>

namespace automask {
namespace protocol {
namespace {

using nlohmann::json;

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

std::string named(const LayerMeasurement& m) { return "layer " + m.layer + " of \"" + m.condition + "\""; }

constexpr const char* strangers = ": measurements and package do not belong together";

}  // namespace

std::vector<LayerMeasurement> measurements_from_json(const json& value, const std::string& file) {
  const auto fail = [&](const std::string& fault) -> CalibrationError {
    return CalibrationError(
        file + ": " + fault +
        "; wanted: {\"conditions\": [{\"condition\": NAME, \"layers\": [{\"name\": NAME, \"ms\": N}]}]}");
  };
  std::vector<LayerMeasurement> list;
  if (!value.is_object() || value.count("conditions") == 0 || !value["conditions"].is_array())
    throw fail("has no array \"conditions\"");
  for (const json& condition : value["conditions"]) {
    if (!condition.is_object() || !condition.value("condition", json()).is_string() ||
        !condition.value("layers", json()).is_array())
      throw fail("a condition lacks its name or its layers");
    for (const json& layer : condition["layers"]) {
      if (!layer.is_object() || !layer.value("name", json()).is_string() || !layer.value("ms", json()).is_number())
        throw fail("a layer of \"" + condition["condition"].get<std::string>() + "\" lacks its name or its time");
      list.push_back({condition["condition"], layer["name"], layer["ms"]});
      if (!(list.back().ms > 0) || !std::isfinite(list.back().ms))
        throw CalibrationError(file + ": " + named(list.back()) + ": its time must be a number above 0");
    }
  }
  if (list.empty()) throw CalibrationError(file + ": there are no measurements");
  return list;
}

json measured_layers(const std::string& condition, const std::vector<std::string>& layers,
                     const std::vector<std::vector<double>>& runs) {
  json list = json::array();
  for (std::size_t i = 0; i < runs.size(); ++i) list.push_back({{"name", layers[i]}, {"ms", median(runs[i])}});
  return {{"condition", condition}, {"layers", list}};
}

CalibrationError unknown_layer(const LayerMeasurement& m) {
  return CalibrationError(named(m) + " is none of the package's" + strangers);
}
CalibrationError unknown_condition(const LayerMeasurement& m) {
  return CalibrationError("condition \"" + m.condition + "\" is none of the package's" + strangers);
}

void require_enough(std::size_t measurements, std::size_t fitted) {
  if (fitted == 0) throw CalibrationError("no measured layer depends on any constant of the profile");
  if (measurements < 2 * fitted)
    throw CalibrationError(std::to_string(measurements) + " measured layers are too few to fit " +
                           std::to_string(fitted) + " constants: measure at least " + std::to_string(2 * fitted) +
                           ", with a larger network or more conditions");
}

}  // namespace protocol
}  // namespace automask
