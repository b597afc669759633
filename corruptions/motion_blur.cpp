// The camera moves along a line at up to 45 degrees to the horizontal: one-sided Gaussian weights along the path.
//
// The generator calls ImageMagick, imagecorruptions repeats its sum but drops what lies beyond the picture's size,
// which darkens small pictures.
#include "corruptions/fields.h"
#include "corruptions/filters.h"
#include "corruptions/operators.h"

namespace automask::corruptions {
namespace {

struct Motion {
  int radius;
  double sigma;
};
constexpr Severities<Motion> motions = {Motion{10, 3}, Motion{15, 5}, Motion{15, 8}, Motion{15, 12}, Motion{20, 15}};
constexpr double steepest = 45;  // degrees

cv::Mat blur_at(const cv::Mat& picture, double degrees, int severity, Edition edition) {
  const Motion& motion = at_severity(motions, severity);
  MotionPath path = motion_path(motion.radius, motion.sigma, degrees);
  const bool theirs = edition == Edition::imagecorruptions;
  if (theirs) end_inside(path, picture.size());
  return to_bytes(move_along(picture, path), edition == Edition::compat ? magick_bias : bias_of(edition));
}

cv::Mat apply_blur(const cv::Mat& picture, LinkContext& context) {
  const double degrees = steepest * (2 * context.random.uniform() - 1);
  return blur_at(picture, degrees, context.level, context.settings.edition);
}

core::Json parameters(int level, Edition) {
  const Motion& motion = at_severity(motions, level);
  return {{"radius", motion.radius}, {"sigma", motion.sigma}, {"degrees", {-steepest, steepest}}};
}

}  // namespace

cv::Mat motion_blur_of(const cv::Mat& picture, std::span<const float> field, int severity,
                       const OperatorSettings& settings) {
  expect_numbers(field, 1, "motion_blur");
  return blur_at(picture, static_cast<double>(field[0]), severity, settings.edition);
}

constinit const Operator motion_blur{"motion_blur", apply_blur, parameters};

}  // namespace automask::corruptions
