// Adds to the HSV value, hue and saturation kept. With both kept, RGB scales as the value does, so no conversion is
// needed; black has no hue and becomes gray.
#include <algorithm>

#include "corruptions/operators.h"

namespace automask::corruptions {
namespace {

constexpr Severities<double> offset = {.1, .2, .3, .4, .5};

cv::Mat apply_offset(const cv::Mat& picture, LinkContext& context) {
  const double raise = 255 * at_severity(offset, context.level);
  const Edition edition = context.settings.edition;
  cv::Mat result = same_shape(picture);
  const auto in = values(picture);
  const auto out = values(result);
  const auto channels = static_cast<std::size_t>(picture.channels());
  std::array<double, 256> raised;
  for (std::size_t v = 0; v < raised.size(); ++v) raised[v] = std::min(255.0, static_cast<double>(v) + raise);
  if (channels == 1) {
    for (std::size_t i = 0; i < in.size(); ++i) out[i] = to_byte(raised[in[i]], edition);
    return result;
  }
  for (std::size_t i = 0; i < in.size(); i += channels) {
    const std::uint8_t value = *std::max_element(&in[i], &in[i] + channels);
    for (std::size_t c = i; c < i + channels; ++c)
      out[c] = to_byte(value == 0 ? raised[0] : in[c] * raised[value] / value, edition);
  }
  return result;
}

core::Json parameters(int level, Edition) { return {{"offset", at_severity(offset, level)}}; }

}  // namespace

constinit const Operator brightness{"brightness", apply_offset, parameters};

}  // namespace automask::corruptions
