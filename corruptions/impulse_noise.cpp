// Salt and pepper: a share of the values, each channel by itself, becomes white or black with equal chance.
#include "corruptions/operators.h"

namespace automask::corruptions {
namespace {

constexpr Severities<double> amount = {.03, .06, .09, .17, .27};

cv::Mat apply_noise(const cv::Mat& picture, LinkContext& context) {
  // One random word a value: below `salt` white, below `pepper` black, else untouched.
  const auto pepper = static_cast<std::uint32_t>(at_severity(amount, context.level) * 0x1p32);
  const std::uint32_t salt = pepper / 2;
  cv::Mat result = same_shape(picture);
  const auto in = values(picture);
  const auto out = values(result);
  for_each_word(context.random, in.size(), [&](std::size_t i, std::uint32_t word) {
    out[i] = word < salt ? 255 : word < pepper ? 0 : in[i];
  });
  return result;
}

core::Json parameters(int level) { return {{"amount", at_severity(amount, level)}}; }

}  // namespace

constinit const Operator impulse_noise{"impulse_noise", apply_noise, parameters};

}  // namespace automask::corruptions
