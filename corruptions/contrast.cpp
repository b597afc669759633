// (x - mean) c + mean with each channel's own mean over the picture.
#include "core/vector_clones.h"
#include "corruptions/operators.h"

namespace automask::corruptions {
namespace {

constexpr Severities<double> factor = {.4, .3, .2, .1, .05};

using Sums = std::array<std::uint64_t, 3>;

AUTOMASK_VECTOR_CLONES Sums channel_sums(const std::uint8_t* in, std::size_t count, std::size_t channels) {
  // Lots of 48 values are whole pixels, and 128 of them add up to less than 2^16 in each place.
  constexpr std::size_t lot = 48, run = 128;
  Sums sums{};
  std::size_t i = 0;
  while (i + lot <= count) {
    std::uint16_t places[lot] = {};
    for (std::size_t n = 0; n < run && i + lot <= count; ++n, i += lot)
      for (std::size_t k = 0; k < lot; ++k) places[k] = static_cast<std::uint16_t>(places[k] + in[i + k]);
    for (std::size_t k = 0; k < lot; ++k) sums[k % channels] += places[k];
  }
  for (; i < count; ++i) sums[i % channels] += in[i];
  return sums;
}

cv::Mat apply_factor(const cv::Mat& picture, LinkContext& context) {
  const double c = at_severity(factor, context.level);
  cv::Mat result = same_shape(picture);
  const auto in = values(picture);
  const auto out = values(result);
  const auto channels = static_cast<std::size_t>(picture.channels());
  const Sums sums = channel_sums(in.data(), in.size(), channels);
  std::array<std::array<std::uint8_t, 256>, 3> mapped{};
  for (std::size_t channel = 0; channel < channels; ++channel) {
    const double mean = static_cast<double>(sums[channel]) / static_cast<double>(picture.total());
    for (std::size_t x = 0; x < 256; ++x)
      mapped[channel][x] = to_byte((static_cast<double>(x) - mean) * c + mean, context.settings.edition);
  }
  if (channels == 1) {
    for (std::size_t i = 0; i < in.size(); ++i) out[i] = mapped[0][in[i]];
    return result;
  }
  for (std::size_t i = 0; i < in.size(); i += 3)
    for (std::size_t k = 0; k < 3; ++k) out[i + k] = mapped[k][in[i + k]];
  return result;
}

core::Json parameters(int level, Edition) { return {{"factor", at_severity(factor, level)}}; }

}  // namespace

constinit const Operator contrast{"contrast", apply_factor, parameters};

}  // namespace automask::corruptions
