// x + N(0, sigma), independently per value.
#include "corruptions/operators.h"

namespace automask::corruptions {
namespace {

constexpr Severities<double> sigma = {.08, .12, .18, .26, .38};

cv::Mat apply_noise(const cv::Mat& picture, LinkContext& context) {
  const double scale = 255 * at_severity(sigma, context.level);
  cv::Mat result = same_shape(picture);
  const auto in = values(picture);
  const auto out = values(result);
  for (std::size_t i = 0; i < in.size(); ++i) out[i] = to_byte(in[i] + scale * context.random.normal());
  return result;
}

core::Json parameters(int level) { return {{"sigma", at_severity(sigma, level)}}; }

}  // namespace

constinit const Operator gaussian_noise{"gaussian_noise", apply_noise, parameters};

}  // namespace automask::corruptions
