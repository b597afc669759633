#pragma once
// 8-bit Y'CbCr 4:2:0 as video codecs take it, in integers: the same bytes on every host.
#include <cstdint>
#include <opencv2/core.hpp>
#include <vector>

namespace automask::corruptions {

struct YuvFormat {
  bool full_range = false;  // luma 0-255 instead of 16-235, chroma 0-255 instead of 16-240
  bool bt601 = false;       // the matrix of ITU-R BT.601 instead of BT.709
};

// Planes of even width and height; chroma has half of both.
struct Yuv {
  int width = 0, height = 0;
  std::vector<std::uint8_t> y, cb, cr;
  Yuv(int w, int h);
};

// The picture (CV_8UC1 or CV_8UC3 in RGB order) in the upper left corner of width x height, its last column and row
// repeated over the rest. Chroma is the mean of 2 x 2 pixels, sited in their middle; of gray pictures it is 128.
Yuv to_yuv(const cv::Mat& picture, int width, int height, const YuvFormat& format);
// The upper left corner back, chroma interpolated linearly; gray pictures take the luma alone.
void from_yuv(const Yuv& yuv, const YuvFormat& format, cv::Mat& picture);

}  // namespace automask::corruptions
