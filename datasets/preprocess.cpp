// Antialiased resize, crop and colour, computed as PIL does (Image.resize with BILINEAR or BICUBIC, convert), in
// integers: the same bytes on every host, and networks trained elsewhere see what they were trained on. Columns first,
// then rows, as PIL up to 12; since 13 it begins with the rows of tall pictures (python-pillow/Pillow#9549), which
// rounds otherwise.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/error.h"
#include "datasets/dataset.h"

namespace automask::datasets {
namespace {

// Weights of one output position: value = sum weights[i] * input[first + i].
struct Tap {
  int first = 0;
  std::vector<int> weights;  // in 2^-22
};
constexpr int precision = 32 - 8 - 2;  // of PIL's 8-bit resize: 8 bits of value, 2 of headroom

// One side of a picture: its length, the length it is brought to, and what of that is kept. A picture of 1 x 60,000
// is brought to 256 x 15,360,000, of which 224 x 224 are wanted: nothing may grow with `resized`.
struct Side {
  std::int64_t input, resized, first;
  int kept;
};

// Weight at a distance in pixels of the coarser of the two pictures.
double triangle(double x) { return std::max(0.0, 1.0 - std::abs(x)); }

// Keys, "Cubic Convolution Interpolation for Digital Image Processing", 1981, equation 4 with a = -0.5.
double cubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

// The filter becomes as wide as the scale when shrinking, so that every input counts; it interpolates when enlarging.
std::vector<Tap> taps_of(const Side& side, Interpolation interpolation) {
  const bool bicubic = interpolation == Interpolation::bicubic;
  const int input = static_cast<int>(side.input);
  const double scale = static_cast<double>(side.input) / static_cast<double>(side.resized);
  const double width = std::max(scale, 1.0), inverse = 1 / width;  // PIL multiplies by it: another last bit
  const double support = bicubic ? 2 * width : width;
  std::vector<Tap> taps(static_cast<std::size_t>(side.kept));
  for (int i = 0; i < side.kept; ++i) {
    const double centre = (static_cast<double>(side.first + i) + 0.5) * scale;
    const int first = std::max(0, static_cast<int>(centre - support + 0.5));
    const int last = std::min(input, static_cast<int>(centre + support + 0.5));
    std::vector<double> weights;
    double sum = 0;
    for (int x = first; x < last; ++x) {
      const double distance = (x - centre + 0.5) * inverse;
      weights.push_back(bicubic ? cubic(distance) : triangle(distance));
      sum += weights.back();
    }
    Tap& tap = taps[static_cast<std::size_t>(i)];
    tap.first = first;
    for (const double weight : weights)
      tap.weights.push_back(static_cast<int>(weight / sum * (1 << precision) + (weight < 0 ? -0.5 : 0.5)));
  }
  return taps;
}

std::uint8_t to_byte(int sum) { return static_cast<std::uint8_t>(std::clamp(sum >> precision, 0, 255)); }

// Only the columns and rows that are kept are computed.
cv::Mat resize_and_crop(const cv::Mat& picture, const Side& across, const Side& down, Interpolation interpolation) {
  const int channels = picture.channels();
  const auto columns = taps_of(across, interpolation), rows = taps_of(down, interpolation);
  const int top = rows.front().first;
  const int bottom = rows.back().first + static_cast<int>(rows.back().weights.size());
  cv::Mat narrow(bottom - top, across.kept, picture.type());
  for (int y = 0; y < narrow.rows; ++y) {
    const std::uint8_t* in = picture.ptr(top + y);
    std::uint8_t* out = narrow.ptr(y);
    for (const Tap& tap : columns) {
      for (int c = 0; c < channels; ++c) {
        int sum = 1 << (precision - 1);
        const std::uint8_t* value = in + tap.first * channels + c;
        for (const int weight : tap.weights) {
          sum += weight * *value;
          value += channels;
        }
        *out++ = to_byte(sum);
      }
    }
  }
  cv::Mat result(down.kept, across.kept, picture.type());
  const int row_bytes = across.kept * channels;
  std::vector<int> sums(static_cast<std::size_t>(row_bytes));
  for (int y = 0; y < down.kept; ++y) {
    const Tap& tap = rows[static_cast<std::size_t>(y)];
    std::fill(sums.begin(), sums.end(), 1 << (precision - 1));
    for (std::size_t i = 0; i < tap.weights.size(); ++i) {
      const std::uint8_t* in = narrow.ptr(tap.first - top + static_cast<int>(i));
      for (int x = 0; x < row_bytes; ++x) sums[static_cast<std::size_t>(x)] += tap.weights[i] * in[x];
    }
    std::uint8_t* out = result.ptr(y);
    for (int x = 0; x < row_bytes; ++x) out[x] = to_byte(sums[static_cast<std::size_t>(x)]);
  }
  return result;
}

// ITU-R 601-2 luma with PIL's 16-bit weights.
cv::Mat to_gray(const cv::Mat& rgb) {
  cv::Mat gray(rgb.rows, rgb.cols, CV_8UC1);
  for (int y = 0; y < rgb.rows; ++y) {
    const std::uint8_t* in = rgb.ptr(y);
    std::uint8_t* out = gray.ptr(y);
    for (int x = 0; x < rgb.cols; ++x, in += 3)
      out[x] = static_cast<std::uint8_t>((in[0] * 19595 + in[1] * 38470 + in[2] * 7471 + 0x8000) >> 16);
  }
  return gray;
}

cv::Mat to_rgb(const cv::Mat& gray) {
  cv::Mat rgb(gray.rows, gray.cols, CV_8UC3);
  for (int y = 0; y < gray.rows; ++y) {
    std::uint8_t* out = rgb.ptr(y);
    for (int x = 0; x < gray.cols; ++x, out += 3) std::memset(out, gray.ptr(y)[x], 3);
  }
  return rgb;
}

// torchvision's CenterCrop: halves rounded to even (Python's round).
Side central(std::int64_t input, std::int64_t resized, int kept) {
  return {input, resized, static_cast<std::int64_t>(std::nearbyint(static_cast<double>(resized - kept) / 2.0)), kept};
}

// torchvision's Resize(side): the shorter side, the longer one truncated (int()).
cv::Mat at_short_side(const cv::Mat& picture, int side, cv::Size crop, Interpolation interpolation) {
  const std::int64_t h = picture.rows, w = picture.cols;
  return resize_and_crop(picture, central(w, w <= h ? side : side * w / h, crop.width),
                         central(h, w <= h ? side * h / w : side, crop.height), interpolation);
}

}  // namespace

cv::Mat preprocess(const cv::Mat& picture, const DatasetSpec& spec, Interpolation interpolation) {
  if (picture.empty() || (picture.type() != CV_8UC1 && picture.type() != CV_8UC3))
    throw core::Error(core::ExitCode::internal, "data set " + spec.name, "a picture is neither gray nor RGB in 8 bits");
  cv::Mat converted = picture;
  if (picture.channels() != spec.channels) converted = spec.channels == 1 ? to_gray(picture) : to_rgb(picture);
  if (spec.resize == 0 && converted.rows == spec.height && converted.cols == spec.width)
    return converted.isContinuous() ? converted : converted.clone();

  // The side that is scarcer relative to the input is met exactly, the other cut off as torchvision does.
  const std::int64_t h = converted.rows, w = converted.cols;
  std::int64_t width = spec.width, height = spec.height;
  if (spec.resize > 0) return at_short_side(converted, spec.resize, {spec.width, spec.height}, interpolation);
  if (h * spec.width <= w * spec.height) {
    width = std::max(width, w * spec.height / h);
  } else {
    height = std::max(height, h * spec.width / w);
  }
  return resize_and_crop(converted, central(w, width, spec.width), central(h, height, spec.height), interpolation);
}

cv::Mat resize_and_centre_crop(const cv::Mat& picture, int resize, int crop) {
  if (picture.empty() || (picture.type() != CV_8UC1 && picture.type() != CV_8UC3) || crop < 1 || crop > resize)
    throw core::Error(core::ExitCode::internal, "resize", "takes gray or RGB pictures of 8 bits and crop <= resize");
  return at_short_side(picture, resize, {crop, crop}, Interpolation::bilinear);
}

}  // namespace automask::datasets
