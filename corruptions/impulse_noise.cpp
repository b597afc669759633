// Salt and pepper: a share of the values, each channel by itself, becomes white or black with equal chance.
#include "corruptions/fields.h"
#include "corruptions/operators.h"

namespace automask::corruptions {
namespace {

constexpr Severities<double> amount = {.03, .06, .09, .17, .27};

// Untouched values. The generator computes 255 (x / 255) and truncates, which lowers some by one.
using Untouched = std::array<std::uint8_t, 256>;
Untouched untouched(Edition edition) {
  Untouched table;
  for (int v = 0; v < 256; ++v) {
    const double share = v / 255.0;
    table[static_cast<std::size_t>(v)] = to_byte(share * 255, edition);
  }
  return table;
}

cv::Mat apply_noise(const cv::Mat& picture, LinkContext& context) {
  // One random word a value: below `salt` white, below `pepper` black, else untouched.
  const auto pepper = static_cast<std::uint32_t>(at_severity(amount, context.level) * 0x1p32);
  const std::uint32_t salt = pepper / 2;
  const Untouched kept = untouched(context.settings.edition);
  cv::Mat result = same_shape(picture);
  const auto in = values(picture);
  const auto out = values(result);
  for_each_word(context.random, in.size(), [&](std::size_t i, std::uint32_t word) {
    out[i] = word < salt ? 255 : word < pepper ? 0 : kept[in[i]];
  });
  return result;
}

core::Json parameters(int level, Edition) { return {{"amount", at_severity(amount, level)}}; }

}  // namespace

cv::Mat impulse_noise_of(const cv::Mat& picture, std::span<const float> field, int, const OperatorSettings& settings) {
  const auto in = values(picture);
  expect_numbers(field, in.size(), "impulse_noise");
  const Untouched kept = untouched(settings.edition);
  cv::Mat result = same_shape(picture);
  const auto out = values(result);
  for (std::size_t i = 0; i < in.size(); ++i) out[i] = field[i] > 0 ? 255 : field[i] < 0 ? 0 : kept[in[i]];
  return result;
}

constinit const Operator impulse_noise{"impulse_noise", apply_noise, parameters};

}  // namespace automask::corruptions
