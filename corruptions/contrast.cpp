// (x - mean) c + mean with each channel's own mean over the picture.
#include "corruptions/operators.h"

namespace automask::corruptions {
namespace {

constexpr Severities<double> factor = {.4, .3, .2, .1, .05};

cv::Mat apply_factor(const cv::Mat& picture, LinkContext& context) {
  const double c = at_severity(factor, context.level);
  cv::Mat result = same_shape(picture);
  const auto in = values(picture);
  const auto out = values(result);
  const auto channels = static_cast<std::size_t>(picture.channels());
  for (std::size_t channel = 0; channel < channels; ++channel) {
    std::uint64_t sum = 0;
    for (std::size_t i = channel; i < in.size(); i += channels) sum += in[i];
    const double mean = static_cast<double>(sum) / static_cast<double>(picture.total());
    std::array<std::uint8_t, 256> mapped;
    for (std::size_t x = 0; x < mapped.size(); ++x)
      mapped[x] = to_byte((static_cast<double>(x) - mean) * c + mean, context.settings.edition);
    for (std::size_t i = channel; i < in.size(); i += channels) out[i] = mapped[in[i]];
  }
  return result;
}

core::Json parameters(int level, Edition) { return {{"factor", at_severity(factor, level)}}; }

}  // namespace

constinit const Operator contrast{"contrast", apply_factor, parameters};

}  // namespace automask::corruptions
