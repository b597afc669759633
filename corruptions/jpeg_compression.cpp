// JPEG at the generator's five qualities, as a corruption with severities; the codec `jpeg` takes any quality.
#include "corruptions/operators.h"

namespace automask::corruptions {
namespace {

constexpr Severities<int> quality = {25, 18, 15, 10, 7};

cv::Mat apply_jpeg(const cv::Mat& picture, LinkContext& context) {
  LinkContext coding{at_severity(quality, context.level), context.random, nullptr};
  return jpeg.apply(picture, coding);
}

core::Json parameters(int level, Edition) { return {{"quality", at_severity(quality, level)}}; }

std::string library() { return jpeg.library(); }

}  // namespace

constinit const Operator jpeg_compression{"jpeg_compression", apply_jpeg, parameters, library};

}  // namespace automask::corruptions
