// Gaussian, cut off at 4 sigma, with replicated border, as skimage.filters.gaussian.
#include "corruptions/filters.h"
#include "corruptions/operators.h"

namespace automask::corruptions {
namespace {

constexpr Severities<int> sigma = {1, 2, 3, 4, 6};

cv::Mat apply_blur(const cv::Mat& picture, LinkContext& context) {
  return to_bytes(gaussian(picture, at_severity(sigma, context.level)), bias_of(context.settings.edition));
}

core::Json parameters(int level, Edition) { return {{"sigma", at_severity(sigma, level)}}; }

}  // namespace

constinit const Operator gaussian_blur{"gaussian_blur", apply_blur, parameters};

}  // namespace automask::corruptions
