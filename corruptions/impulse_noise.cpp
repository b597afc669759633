// Salt and pepper: a share of the values, each channel by itself, becomes white or black with equal chance.
#include "core/vector_clones.h"
#include "corruptions/fields.h"
#include "corruptions/operators.h"

namespace automask::corruptions {
namespace {

constexpr Severities<double> amount = {.03, .06, .09, .17, .27};

// The picture without noise. The generator computes 255 (x / 255) and truncates, which lowers some values by one.
cv::Mat untouched(const cv::Mat& picture, Edition edition) {
  if (edition == Edition::fixed) return picture.clone();
  std::array<std::uint8_t, 256> table;
  for (int v = 0; v < 256; ++v) {
    const double share = v / 255.0;
    table[static_cast<std::size_t>(v)] = to_byte(share * 255, edition);
  }
  cv::Mat result = same_shape(picture);
  const auto in = values(picture);
  std::transform(in.begin(), in.end(), result.data, [&](std::uint8_t v) { return table[v]; });
  return result;
}

// White below `salt`, black below `pepper`, else as it was.
AUTOMASK_VECTOR_CLONES void sprinkle(const std::uint32_t* words, std::size_t count, std::uint32_t salt,
                                     std::uint32_t pepper, std::uint8_t* values) {
  for (std::size_t i = 0; i < count; ++i) {
    const auto white = static_cast<std::uint8_t>(words[i] < salt ? 255 : 0);
    const auto kept = static_cast<std::uint8_t>(words[i] < pepper ? 0 : 255);
    values[i] = static_cast<std::uint8_t>((values[i] & kept) | white);
  }
}

cv::Mat apply_noise(const cv::Mat& picture, LinkContext& context) {
  const auto pepper = static_cast<std::uint32_t>(at_severity(amount, context.level) * 0x1p32);
  const std::uint32_t salt = pepper / 2;
  cv::Mat result = untouched(picture, context.settings.edition);
  const auto out = values(result);
  for_words(context.random, out.size(), [&](std::size_t first, std::span<const std::uint32_t> words) {
    sprinkle(words.data(), words.size(), salt, pepper, &out[first]);
  });
  return result;
}

core::Json parameters(int level, Edition) { return {{"amount", at_severity(amount, level)}}; }

}  // namespace

cv::Mat impulse_noise_of(const cv::Mat& picture, std::span<const float> field, int, const OperatorSettings& settings) {
  cv::Mat result = untouched(picture, settings.edition);
  const auto out = values(result);
  expect_numbers(field, out.size(), "impulse_noise");
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = field[i] > 0 ? 255 : field[i] < 0 ? 0 : out[i];
  return result;
}

constinit const Operator impulse_noise{"impulse_noise", apply_noise, parameters};

}  // namespace automask::corruptions
