// HSV saturation s becomes s c + d, hue and value kept: each channel keeps its place between the value and the minimum.
//
// A gray pixel has no hue; the generator's conversion calls it red, so that grays turn reddish where d > 0. `fixed`
// leaves them gray.
#include <algorithm>

#include "corruptions/operators.h"

namespace automask::corruptions {
namespace {

struct Change {
  double factor, offset;
};
constexpr Severities<Change> changes = {Change{.3, 0}, Change{.1, 0}, Change{2, 0}, Change{5, .1}, Change{20, .2}};

cv::Mat apply_change(const cv::Mat& picture, LinkContext& context) {
  // Of one channel: saturation 0 and, in imagecorruptions, the red of the result.
  if (picture.channels() == 1) return picture.clone();
  const Change& change = at_severity(changes, context.level);
  const bool fixed = context.settings.edition == Edition::fixed;
  const auto factor = static_cast<float>(change.factor), offset = static_cast<float>(change.offset);
  const float bias = bias_of(context.settings.edition);
  std::array<float, 256> inverse{};
  for (std::size_t i = 1; i < inverse.size(); ++i) inverse[i] = 1.0F / static_cast<float>(i);

  cv::Mat result = same_shape(picture);
  const auto in = values(picture);
  const auto out = values(result);
  for (std::size_t i = 0; i < in.size(); i += 3) {
    const int r = in[i], g = in[i + 1], b = in[i + 2];
    const int value = std::max({r, g, b}), least = std::min({r, g, b}), range = value - least;
    const auto v = static_cast<float>(value);
    if (range == 0) {
      out[i] = in[i];
      out[i + 1] = out[i + 2] = fixed ? in[i] : static_cast<std::uint8_t>(v - v * offset);
      continue;
    }
    // New distance from the value per old distance, at most what brings the minimum to 0.
    const float whole = v * inverse[static_cast<std::size_t>(range)];
    const float stretch = std::min(factor + offset * whole, whole);
    const auto moved = [&](int x) {
      return static_cast<std::uint8_t>(std::max(v - static_cast<float>(value - x) * stretch + bias, 0.0F));
    };
    out[i] = moved(r);
    out[i + 1] = moved(g);
    out[i + 2] = moved(b);
  }
  return result;
}

core::Json parameters(int level, Edition) {
  const Change& change = at_severity(changes, level);
  return {{"factor", change.factor}, {"offset", change.offset}};
}

}  // namespace

constinit const Operator saturate{"saturate", apply_change, parameters};

}  // namespace automask::corruptions
