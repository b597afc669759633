#pragma once
// A finished picture as the bytes of a file.
#include <opencv2/core.hpp>
#include <string>

#include "corruptions/writer/job.h"

namespace automask::corruptions {

// png: lossless; jpeg85: quality 85 with optimised tables, as ImageNet-C's files (PIL's save(quality=85,
// optimize=True)); raw: NumPy's .npy version 1.0, u8, [H, W] or [H, W, 3] in RGB order. CV_8UC1 or CV_8UC3 (RGB).
std::string encode(const cv::Mat& picture, Output output);

// The library that encodes, with its version.
std::string output_library(Output output);

// The reverse, of any of the three. Error(steps_failed) names `where`.
cv::Mat decode(const std::string& bytes, const std::string& where);

// A file's name for an output: pictures keep theirs where it already says what they are ("a.JPEG" stays).
std::string file_name(const std::string& source, Output output);

}  // namespace automask::corruptions
