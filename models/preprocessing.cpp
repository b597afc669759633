#include "models/preprocessing.h"

#include <algorithm>

namespace automask::models {

Preprocessing with_input(Preprocessing preprocessing, const graph::Shape& input) {
  const int before = std::min(preprocessing.input.height, preprocessing.input.width);
  const std::int64_t scaled = std::int64_t{preprocessing.resizing.resize} * std::min(input.height, input.width);
  preprocessing.resizing.resize = static_cast<int>((scaled + before / 2) / before);
  if (input.channels != preprocessing.input.channels)
    for (std::vector<float>* each : {&preprocessing.scaling.mean, &preprocessing.scaling.deviation})
      each->assign(static_cast<std::size_t>(input.channels), each->front());
  preprocessing.input = input;
  return preprocessing;
}

core::Json to_json(const Preprocessing& preprocessing) {
  return {{"resize", preprocessing.resizing.resize},
          {"interpolation", preprocessing.resizing.interpolation == Interpolation::bicubic ? "bicubic" : "bilinear"},
          {"crop", {preprocessing.input.height, preprocessing.input.width}},
          {"mean", preprocessing.scaling.mean},
          {"deviation", preprocessing.scaling.deviation}};
}

}  // namespace automask::models
