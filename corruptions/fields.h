#pragma once
// Operators with their random numbers given from outside, so that they can be compared number by number with another
// implementation. The operators themselves draw the same numbers from their stream.
#include <span>

#include "corruptions/corruption.h"

namespace automask::corruptions {

// Throws Error(internal) if the number of values is wrong.
using ApplyField = cv::Mat (*)(const cv::Mat& picture, std::span<const float> field, int severity,
                               const OperatorSettings& settings);

// N(0, 1) per value [rows, cols, channels].
cv::Mat gaussian_noise_of(const cv::Mat&, std::span<const float>, int, const OperatorSettings&);
cv::Mat speckle_noise_of(const cv::Mat&, std::span<const float>, int, const OperatorSettings&);
// Per value: 1 salt, -1 pepper, 0 untouched.
cv::Mat impulse_noise_of(const cv::Mat&, std::span<const float>, int, const OperatorSettings&);
// dx, dy of each visited pixel, in the order of the visits.
cv::Mat glass_blur_of(const cv::Mat&, std::span<const float>, int, const OperatorSettings&);
// The angle in degrees.
cv::Mat motion_blur_of(const cv::Mat&, std::span<const float>, int, const OperatorSettings&);
// N(0, 1) [rows, cols], then the angle of fall in degrees.
cv::Mat snow_of(const cv::Mat&, std::span<const float>, int, const OperatorSettings&);
// Number of the photograph, top and left of the window in it; needs a frost folder.
cv::Mat frost_of(const cv::Mat&, std::span<const float>, int, const OperatorSettings&);
// U(-1, 1) per height drawn, octave by octave: centres of squares, of upper edges, of left edges.
cv::Mat fog_of(const cv::Mat&, std::span<const float>, int, const OperatorSettings&);
// N(0, 1) [rows, cols].
cv::Mat spatter_of(const cv::Mat&, std::span<const float>, int, const OperatorSettings&);
// Displacements before smoothing, U(-1, 1): dx, then dy [rows, cols]; in the editions with an affine part before them
// its six U(-1, 1): x, y of three points.
cv::Mat elastic_transform_of(const cv::Mat&, std::span<const float>, int, const OperatorSettings&);

struct FieldOperator {
  std::string_view name;
  ApplyField apply;
};
const std::vector<FieldOperator>& field_operators();

void expect_numbers(std::span<const float> field, std::size_t number, std::string_view name);

}  // namespace automask::corruptions
