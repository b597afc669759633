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

Preprocessing preprocessing_from_json(const core::JsonCursor& cursor, int channels) {
  cursor.only_keys({"resize", "interpolation", "crop", "mean", "deviation"});
  constexpr std::int64_t largest = 1 << 16;
  Preprocessing result;
  result.resizing.resize = static_cast<int>(cursor.at("resize").integer_in(0, largest));
  const std::string interpolation = cursor.at("interpolation").string();
  if (interpolation != "bilinear" && interpolation != "bicubic")
    cursor.at("interpolation").fail("unknown interpolation", core::suggestion(interpolation, {"bilinear", "bicubic"}));
  if (interpolation == "bicubic") result.resizing.interpolation = Interpolation::bicubic;
  const core::JsonCursor crop = cursor.at("crop");
  result.input.channels = channels;
  result.input.height = static_cast<int>(crop.at(0).integer_in(1, largest));
  result.input.width = static_cast<int>(crop.at(1).integer_in(1, largest));
  for (const auto& [key, values] :
       {std::pair{"mean", &result.scaling.mean}, {"deviation", &result.scaling.deviation}}) {
    const core::JsonCursor list = cursor.at(key);
    if (!list.value().is_array() || list.size() != static_cast<std::size_t>(channels))
      list.fail("must hold a number for each of the " + std::to_string(channels) + " channels");
    for (std::size_t c = 0; c < list.size(); ++c) values->push_back(static_cast<float>(list.at(c).number()));
  }
  for (const float deviation : result.scaling.deviation)
    if (!(deviation > 0)) cursor.at("deviation").fail("must be above 0");
  return result;
}

}  // namespace automask::models
