// x + x N(0, s), independently per value.
#include "core/vector_clones.h"
#include "corruptions/fields.h"
#include "corruptions/operators.h"
#include "corruptions/random.h"

namespace automask::corruptions {
namespace {

constexpr Severities<double> spread = {.15, .2, .35, .45, .6};

AUTOMASK_VECTOR_CLONES void speckle(const std::uint8_t* in, const float* normal, std::size_t count, float s, float bias,
                                    std::uint8_t* out) {
  for (std::size_t i = 0; i < count; ++i) {
    const auto x = static_cast<float>(in[i]);
    const float value = std::min(std::max(x + x * (normal[i] * s) + bias, 0.0F), 255.0F);
    out[i] = static_cast<std::uint8_t>(static_cast<std::int32_t>(value));
  }
}

cv::Mat apply_noise(const cv::Mat& picture, LinkContext& context) {
  cv::Mat result = same_shape(picture);
  const auto in = values(picture);
  const auto out = values(result);
  const auto s = static_cast<float>(at_severity(spread, context.level));
  std::array<float, 1024> normal;
  for (std::size_t i = 0; i < in.size(); i += normal.size()) {
    const std::size_t some = std::min(normal.size(), in.size() - i);
    fill_normal(context.random, {normal.data(), some});
    speckle(&in[i], normal.data(), some, s, bias_of(context.settings.edition), &out[i]);
  }
  return result;
}

core::Json parameters(int level, Edition) { return {{"spread", at_severity(spread, level)}}; }

}  // namespace

cv::Mat speckle_noise_of(const cv::Mat& picture, std::span<const float> field, int severity,
                         const OperatorSettings& settings) {
  const auto in = values(picture);
  expect_numbers(field, in.size(), "speckle_noise");
  cv::Mat result = same_shape(picture);
  speckle(in.data(), field.data(), in.size(), static_cast<float>(at_severity(spread, severity)),
          bias_of(settings.edition), result.data);
  return result;
}

constinit const Operator speckle_noise{"speckle_noise", apply_noise, parameters};

}  // namespace automask::corruptions
