#pragma once
// What the operators share: weighted sums of rows, Gaussian blurs and straight paths, in float, on one thread.
// Loops are our own: OpenCV's differ in the last bits between instruction sets and may start threads.
#include <cstdint>
#include <cstring>
#include <opencv2/core.hpp>
#include <vector>

#include "core/philox.h"

namespace automask::corruptions {

// out[i] = sum over t of weights[t] taps[t][i], in order.
void weigh(const float* const* taps, const float* weights, std::size_t number, std::size_t count, float* out);

// Repeats each of `count` numbers for every channel (1 or 3).
void per_value(const float* per_pixel, std::size_t count, int channels, float* out);

// u8 from float: floor(value + bias), clipped. A bias of 0.5 rounds, 0 truncates.
void to_bytes(const float* in, std::size_t count, float bias, std::uint8_t* out);
cv::Mat to_bytes(const cv::Mat& floats, float bias);
cv::Mat to_floats(const cv::Mat& bytes);

// A picture's values as float with four places a pixel, [rows][cols][4], those beyond its channels 0: a pixel is one
// vector, which loads in the time of one value. Of CV_8UC(n) or CV_32FC(n), n 1 or 3.
using Pixel = float __attribute__((vector_size(16)));
constexpr std::size_t pixel_width = 4;
std::vector<float> whole_pixels(const cv::Mat& picture);
inline Pixel pixel_at(const float* from) {
  Pixel pixel;
  std::memcpy(&pixel, from, sizeof pixel);
  return pixel;
}

// How a picture goes on beyond its border: a a a | a b c, or c b a | a b c.
enum class Border { replicate, reflect };

// Half a symmetric kernel, [radius + 1] from the centre outwards; both halves sum to 1. The radius is
// int(truncate sigma + 0.5), as in scipy.ndimage.gaussian_filter1d, which scikit-image calls.
std::vector<float> gaussian_kernel(double sigma, double truncate);

// Of CV_32FC(n), along columns (kernel_y) and rows (kernel_x).
cv::Mat blur(const cv::Mat& picture, const std::vector<float>& kernel_y, const std::vector<float>& kernel_x,
             Border border);
// Of CV_8UC(n) or CV_32FC(n), truncated at 4 sigma with replicated border: skimage.filters.gaussian as it is by
// default.
cv::Mat gaussian(const cv::Mat& picture, double sigma);
// Gaussian with reflected border. Wide kernels act on the few cosines they let through.
cv::Mat smooth(const cv::Mat& plane, double sigma_y, double sigma_x, double truncate);

// The path of a moving camera: one-sided Gaussian weights along a line, positions rounded to whole pixels
// (MotionBlurImage of ImageMagick 6, magick/effect.c). Offsets say where a pixel takes its light from.
struct MotionPath {
  std::vector<float> weights;
  std::vector<cv::Point> offsets;
};
// ImageMagick 6.9.11 (Q16) rounds such sums to 16 bits and truncates these to 8, as measured.
constexpr float magick_bias = 0.5F / 257;
MotionPath motion_path(int radius, double sigma, double degrees);
// Of CV_32FC(n), replicated border.
cv::Mat move_along(const cv::Mat& picture, const MotionPath& path);
// As imagecorruptions does it: the path ends where it would leave the picture.
void end_inside(MotionPath& path, cv::Size size);

// Order-1 zoom of a row or column: output i mixes inputs left and left + 1 by weight. Positions are corner-aligned, the
// size is `in` zoom rounded half to even, as in scipy.ndimage.zoom.
struct ZoomAxis {
  std::vector<int> left;
  std::vector<float> weight;
};
int zoomed_size(int in, double zoom);
ZoomAxis zoom_axis(int in, double zoom);

}  // namespace automask::corruptions
