#pragma once
// Picture files made with the codecs' own libraries or by hand, in the forms that OpenCV cannot write.
#include <cstdint>
#include <opencv2/core.hpp>
#include <string>
#include <vector>

namespace automask::testing {

// Smooth, so that lossy codecs keep it within a few levels: the first channel rises to the right, the second downwards,
// the third falls to the right, the fourth falls downwards.
cv::Mat smooth(int rows, int cols, int channels);
double largest_difference(const cv::Mat& a, const cv::Mat& b);

struct JpegForm {
  bool progressive = false;
  int across = 2, down = 2;  // luma samples a chroma sample
  bool ycc = true;           // false: RGB or CMYK as they are
  bool adobe_marker = true;  // libjpeg writes it for CMYK and YCCK and for plain RGB
  int restart_rows = 0;
};
// Of 1, 3 (RGB) or 4 channels (the four values as they are to stand in the file), quality 95.
std::string jpeg_bytes(const cv::Mat& picture, const JpegForm& form = {});

struct PngForm {
  int colour = 2;  // of the PNG specification: 0 gray, 2 RGB, 3 palette, 4 gray and alpha, 6 RGB and alpha
  int depth = 8;
  bool interlaced = false;
  std::string palette, transparency;  // PLTE's and tRNS's bytes
};
// `samples`: rows x cols x channels, each below 2^depth.
std::string png_bytes(int rows, int cols, const std::vector<int>& samples, const PngForm& form);
// The same chunks with right check sums, as far as they can be followed.
std::string with_png_sums(std::string png);
// A chunk put before the first IDAT.
std::string with_png_chunk(const std::string& png, const std::string& name, const std::string& data);

// Of 3 (RGB) or 4 channels; quality below 0: lossless, exact also where nothing is seen.
std::string webp_bytes(const cv::Mat& picture, float quality = -1);
// An animation of `frames` times this still picture.
std::string animated_webp(const std::string& still, int cols, int rows, int frames);

}  // namespace automask::testing
