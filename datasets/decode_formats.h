#pragma once
// One decoder per format, for decode.cpp only. `message` says what is wrong where the result is empty.
#include <opencv2/core.hpp>
#include <string>
#include <string_view>

#include "datasets/decode.h"

namespace automask::datasets {

cv::Mat decode_jpeg(std::string_view bytes, const DecodeOptions& options, std::string& message);
cv::Mat decode_png(std::string_view bytes, const DecodeOptions& options, std::string& message);

// False, with the sentence in `message`, where a picture has no pixels or more than options allow.
bool size_is_allowed(std::uint64_t width, std::uint64_t height, const DecodeOptions& options, std::string& message);

constexpr const char* truncated = "is a truncated picture";
constexpr const char* animation = "is an animation";

}  // namespace automask::datasets
