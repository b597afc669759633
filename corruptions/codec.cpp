#include "corruptions/codec.h"

#include <cstring>

#include "core/error.h"

namespace automask::corruptions {

void fail_to_code(std::string_view name, std::string_view prefix, const cv::Mat& picture, const LinkContext& context,
                  const std::string& cause) {
  const std::string level = context.max_bytes > 0 ? std::to_string(context.max_bytes) + "B"
                                                  : std::string(prefix) + std::to_string(context.level);
  throw core::Error(core::ExitCode::steps_failed, std::string(name) + ":" + level,
                    "a picture of " + std::to_string(picture.cols) + " x " + std::to_string(picture.rows) +
                        " cannot be coded: " + cause);
}

cv::Mat rgb_of(const cv::Mat& picture) {
  if (picture.channels() == 3) return picture;
  cv::Mat rgb(picture.rows, picture.cols, CV_8UC3);
  const std::uint8_t* in = picture.data;
  for (std::uint8_t& value : values(rgb)) value = in[(&value - rgb.data) / 3];
  return rgb;
}

cv::Mat gray_of(const cv::Mat& rgb) {
  cv::Mat gray(rgb.rows, rgb.cols, CV_8UC1);
  const std::uint8_t* in = rgb.data;
  for (std::uint8_t& value : values(gray)) {
    value = static_cast<std::uint8_t>((in[0] * 19595 + in[1] * 38470 + in[2] * 7471 + 0x8000) >> 16);
    in += 3;
  }
  return gray;
}

}  // namespace automask::corruptions
