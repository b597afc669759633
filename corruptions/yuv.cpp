#include "corruptions/yuv.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace automask::corruptions {
namespace {

constexpr int bits = 16, half = 1 << (bits - 1);

std::uint8_t to_byte(int value) { return static_cast<std::uint8_t>(std::clamp(value, 0, 255)); }

// ITU-R BT.709-6 and BT.601-7: Y' = kr R' + kg G' + kb B', Cb = (B' - Y') / (2 (1 - kb)), Cr = (R' - Y') / (2 (1 -
// kr)).
struct Matrix {
  int offset;                                        // of luma
  std::array<int, 3> luma, blue, red;                // of R, G, B in 2^-16
  int stretch, red_cr, green_cb, green_cr, blue_cb;  // back, in 2^-16
  explicit Matrix(const YuvFormat& format) {
    const double kr = format.bt601 ? 0.299 : 0.2126, kb = format.bt601 ? 0.114 : 0.0722, kg = 1 - kr - kb;
    const double luma_range = format.full_range ? 1 : 219.0 / 255, chroma_range = format.full_range ? 1 : 224.0 / 255;
    const auto fixed = [](double value) { return static_cast<int>(std::lround(value * (1 << bits))); };
    offset = format.full_range ? 0 : 16;
    luma = {fixed(luma_range * kr), 0, fixed(luma_range * kb)};
    luma[1] = fixed(luma_range) - luma[0] - luma[2];  // gray stays gray to the last bit
    const double b = chroma_range / (2 * (1 - kb)), r = chroma_range / (2 * (1 - kr));
    blue = {fixed(-kr * b), 0, fixed((1 - kb) * b)};
    blue[1] = -blue[0] - blue[2];
    red = {fixed((1 - kr) * r), 0, fixed(-kb * r)};
    red[1] = -red[0] - red[2];
    stretch = fixed(1 / luma_range);
    red_cr = fixed(1 / r);
    blue_cb = fixed(1 / b);
    green_cr = fixed(-kr / (kg * r));
    green_cb = fixed(-kb / (kg * b));
  }
};

}  // namespace

Yuv::Yuv(int w, int h)
    : width(w),
      height(h),
      y(static_cast<std::size_t>(w) * static_cast<std::size_t>(h)),
      cb(y.size() / 4, 128),
      cr(y.size() / 4, 128) {}

Yuv to_yuv(const cv::Mat& picture, int width, int height, const YuvFormat& format) {
  const Matrix matrix(format);
  Yuv yuv(width, height);
  const int channels = picture.channels();
  const auto pixel = [&](int row, int column) {
    return picture.ptr(std::min(row, picture.rows - 1)) + channels * std::min(column, picture.cols - 1);
  };
  std::uint8_t* luma = yuv.y.data();
  for (int row = 0; row < height; ++row)
    for (int column = 0; column < width; ++column) {
      const std::uint8_t* p = pixel(row, column);
      const int r = p[0], g = p[channels / 2], b = p[channels - 1];
      *luma++ =
          to_byte(matrix.offset + ((matrix.luma[0] * r + matrix.luma[1] * g + matrix.luma[2] * b + half) >> bits));
    }
  if (channels == 1) return yuv;
  std::uint8_t *cb = yuv.cb.data(), *cr = yuv.cr.data();
  for (int row = 0; row < height; row += 2)
    for (int column = 0; column < width; column += 2) {
      std::array<int, 3> sum{};
      for (int i = 0; i < 4; ++i) {
        const std::uint8_t* p = pixel(row + i / 2, column + i % 2);
        for (std::size_t c = 0; c < 3; ++c) sum[c] += p[c];
      }
      const auto weighted = [&](const std::array<int, 3>& weights) {
        const int value = weights[0] * sum[0] + weights[1] * sum[1] + weights[2] * sum[2];
        return to_byte(128 + ((value + 2 * (1 << bits)) >> (bits + 2)));
      };
      *cb++ = weighted(matrix.blue);
      *cr++ = weighted(matrix.red);
    }
  return yuv;
}

void from_yuv(const Yuv& yuv, const YuvFormat& format, cv::Mat& picture) {
  const Matrix matrix(format);
  const int channels = picture.channels(), half_width = yuv.width / 2, half_height = yuv.height / 2;
  for (int row = 0; row < picture.rows; ++row) {
    std::uint8_t* out = picture.ptr(row);
    const std::uint8_t* luma = &yuv.y[static_cast<std::size_t>(row) * static_cast<std::size_t>(yuv.width)];
    // The nearer chroma row and column count three quarters, the further ones a quarter.
    const int near_row = row / 2, far_row = std::clamp(near_row + (row % 2 == 0 ? -1 : 1), 0, half_height - 1);
    for (int column = 0; column < picture.cols; ++column) {
      const int bright = matrix.stretch * (luma[column] - matrix.offset) + half;
      if (channels == 1) {
        *out++ = to_byte(bright >> bits);
        continue;
      }
      const int near = column / 2, far = std::clamp(near + (column % 2 == 0 ? -1 : 1), 0, half_width - 1);
      const auto at = [&](const std::vector<std::uint8_t>& plane) {
        const std::uint8_t* a = &plane[static_cast<std::size_t>(near_row * half_width)];
        const std::uint8_t* b = &plane[static_cast<std::size_t>(far_row * half_width)];
        return ((9 * a[near] + 3 * a[far] + 3 * b[near] + b[far] + 8) >> 4) - 128;
      };
      const int cb = at(yuv.cb), cr = at(yuv.cr);
      *out++ = to_byte((bright + matrix.red_cr * cr) >> bits);
      *out++ = to_byte((bright + matrix.green_cb * cb + matrix.green_cr * cr) >> bits);
      *out++ = to_byte((bright + matrix.blue_cb * cb) >> bits);
    }
  }
}

}  // namespace automask::corruptions
