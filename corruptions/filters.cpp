#include "corruptions/filters.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/vector_clones.h"
#include "corruptions/portable_math.h"

namespace automask::corruptions {
namespace {

using Size = std::size_t;
// Eight floats, an AVX register: GCC takes wider vectors apart through memory. Sums stay in four of them.
using Lot = float __attribute__((vector_size(32)));
constexpr Size width = 8, lot = 4 * width;

AUTOMASK_INLINE void load(Lot& lane, const float* from) { std::memcpy(&lane, from, sizeof lane); }
AUTOMASK_INLINE void store(const Lot& lane, float* to) { std::memcpy(to, &lane, sizeof lane); }

AUTOMASK_INLINE void add_pair(Lot& sum, const float* before, const float* after, float weight) {
  Lot a, b;
  load(a, before);
  load(b, after);
  sum += weight * (a + b);
}
AUTOMASK_INLINE void add_tap(Lot& sum, const float* tap, float weight) {
  Lot a;
  load(a, tap);
  sum += weight * a;
}

// centre + pairs: weights[0] rows[r] + sum over k of weights[k] (rows[r - k] + rows[r + k])
AUTOMASK_VECTOR_CLONES void weigh_pairs(const float* const* centre, const float* weights, int radius, Size count,
                                        float* out) {
  Size start = 0;
  for (; start + lot <= count; start += lot) {
    Lot s0{}, s1{}, s2{}, s3{};
    const float* row = centre[0] + start;
    add_tap(s0, row, weights[0]);
    add_tap(s1, row + width, weights[0]);
    add_tap(s2, row + 2 * width, weights[0]);
    add_tap(s3, row + 3 * width, weights[0]);
    for (int k = 1; k <= radius; ++k) {
      const float *before = centre[-k] + start, *after = centre[k] + start, weight = weights[k];
      add_pair(s0, before, after, weight);
      add_pair(s1, before + width, after + width, weight);
      add_pair(s2, before + 2 * width, after + 2 * width, weight);
      add_pair(s3, before + 3 * width, after + 3 * width, weight);
    }
    store(s0, out + start);
    store(s1, out + start + width);
    store(s2, out + start + 2 * width);
    store(s3, out + start + 3 * width);
  }
  for (; start + width <= count; start += width) {
    Lot sum{};
    add_tap(sum, centre[0] + start, weights[0]);
    for (int k = 1; k <= radius; ++k) add_pair(sum, centre[-k] + start, centre[k] + start, weights[k]);
    store(sum, out + start);
  }
  for (; start < count; ++start) {
    float sum = weights[0] * centre[0][start];
    for (int k = 1; k <= radius; ++k) sum += weights[k] * (centre[-k][start] + centre[k][start]);
    out[start] = sum;
  }
}

AUTOMASK_VECTOR_CLONES void widen(const std::uint8_t* in, Size count, float* out) {
  for (Size i = 0; i < count; ++i) out[i] = static_cast<float>(in[i]);
}

int outside(int i, int count, Border border) {
  return cv::borderInterpolate(i, count, border == Border::reflect ? cv::BORDER_REFLECT : cv::BORDER_REPLICATE);
}

// Row `y` as float with `before` and `after` more pixels at its ends.
class PaddedRow {
 public:
  PaddedRow(const cv::Mat& picture, int before, int after, Border border)
      : picture_(picture), before_(before), channels_(picture.channels()) {
    for (int i = 0; i < before; ++i) left_.push_back(outside(i - before, picture.cols, border));
    for (int i = 0; i < after; ++i) right_.push_back(outside(picture.cols + i, picture.cols, border));
  }
  Size size() const {
    return static_cast<Size>((picture_.cols + before_ + static_cast<int>(right_.size())) * channels_);
  }
  void write(int y, float* out) const {
    float* middle = out + before_ * channels_;
    const Size count = static_cast<Size>(picture_.cols * channels_);
    if (picture_.depth() == CV_8U) {
      widen(picture_.ptr(y), count, middle);
    } else {
      std::copy_n(picture_.ptr<float>(y), count, middle);
    }
    float* end = middle + count;
    for (Size i = 0; i < left_.size(); ++i)
      for (int c = 0; c < channels_; ++c) out[static_cast<int>(i) * channels_ + c] = middle[left_[i] * channels_ + c];
    for (Size i = 0; i < right_.size(); ++i)
      for (int c = 0; c < channels_; ++c) end[static_cast<int>(i) * channels_ + c] = middle[right_[i] * channels_ + c];
  }

 private:
  const cv::Mat& picture_;
  int before_, channels_;
  std::vector<int> left_, right_;
};

// The cosines cos(pi m (i + 1/2) / n) that a symmetric kernel lets through, with the kernel's gain: a picture that is
// reflected at its borders is a sum of them, and each keeps its shape under the blur.
struct Cosines {
  int size, number;
  std::vector<float> wave;  // [number][size]
  std::vector<float> gain;  // [number], 2 / n included
};

// What is left out moves pixels by a few hundredths at most: kernels cut off at 3 sigma pass as much at any frequency.
constexpr double least_gain = 1e-3;

Cosines cosines(int n, const std::vector<float>& kernel) {
  std::vector<double> circle(static_cast<Size>(4 * n));
  for (int i = 0; i < 4 * n; ++i) circle[static_cast<Size>(i)] = cosine(i / (4.0 * n));
  Cosines result{n, 0, {}, {}};
  for (int m = 0; m < n; ++m) {
    double gain = kernel[0];
    for (Size k = 1; k < kernel.size(); ++k)
      gain += 2 * kernel[k] * circle[2 * static_cast<Size>(m) * k % circle.size()];
    result.gain.push_back(static_cast<float>(gain * (m == 0 ? 1 : 2) / n));
    if (std::abs(gain) > least_gain) result.number = m + 1;
  }
  for (int m = 0; m < result.number; ++m)
    for (int i = 0; i < n; ++i)
      result.wave.push_back(
          static_cast<float>(circle[static_cast<Size>(m) * static_cast<Size>(2 * i + 1) % circle.size()]));
  return result;
}

// Sums over rows: out[m] = sum over i of weights[m * step_m + i * step_i] rows[i].
void combine(const float* rows, int in, int out_rows, Size count, const float* weights, int step_m, int step_i,
             float* out) {
  std::vector<const float*> taps(static_cast<Size>(in));
  std::vector<float> row_weights(static_cast<Size>(in));
  for (int i = 0; i < in; ++i) taps[static_cast<Size>(i)] = rows + static_cast<Size>(i) * count;
  for (int m = 0; m < out_rows; ++m) {
    for (int i = 0; i < in; ++i) row_weights[static_cast<Size>(i)] = weights[m * step_m + i * step_i];
    weigh(taps.data(), row_weights.data(), taps.size(), count, out + static_cast<Size>(m) * count);
  }
}

std::vector<float> transposed(const std::vector<float>& in, int rows, int cols) {
  std::vector<float> out(in.size());
  for (int y = 0; y < rows; ++y)
    for (int x = 0; x < cols; ++x) out[static_cast<Size>(x * rows + y)] = in[static_cast<Size>(y * cols + x)];
  return out;
}

// Blur of each column of [rows][count].
std::vector<float> smooth_columns(const std::vector<float>& in, int rows, int count, const std::vector<float>& kernel) {
  // Kept from picture to picture: they are mostly of one size.
  thread_local Cosines kept{0, 0, {}, {}};
  thread_local std::vector<float> kept_kernel;
  if (kept.size != rows || kept_kernel != kernel) {
    kept = cosines(rows, kernel);
    kept_kernel = kernel;
  }
  const auto row = static_cast<Size>(count);
  std::vector<float> amounts(static_cast<Size>(kept.number) * row), out(in.size());
  combine(in.data(), rows, kept.number, row, kept.wave.data(), rows, 1, amounts.data());
  for (int m = 0; m < kept.number; ++m)
    for (Size i = 0; i < row; ++i) amounts[static_cast<Size>(m) * row + i] *= kept.gain[static_cast<Size>(m)];
  combine(amounts.data(), kept.number, rows, row, kept.wave.data(), 1, rows, out.data());
  return out;
}

}  // namespace

AUTOMASK_VECTOR_CLONES void weigh(const float* const* taps, const float* weights, Size number, Size count, float* out) {
  Size start = 0;
  for (; start + lot <= count; start += lot) {
    Lot s0{}, s1{}, s2{}, s3{};
    for (Size t = 0; t < number; ++t) {
      const float *tap = taps[t] + start, weight = weights[t];
      add_tap(s0, tap, weight);
      add_tap(s1, tap + width, weight);
      add_tap(s2, tap + 2 * width, weight);
      add_tap(s3, tap + 3 * width, weight);
    }
    store(s0, out + start);
    store(s1, out + start + width);
    store(s2, out + start + 2 * width);
    store(s3, out + start + 3 * width);
  }
  for (; start + width <= count; start += width) {
    Lot sum{};
    for (Size t = 0; t < number; ++t) add_tap(sum, taps[t] + start, weights[t]);
    store(sum, out + start);
  }
  for (; start < count; ++start) {
    float sum = 0;
    for (Size t = 0; t < number; ++t) sum += weights[t] * taps[t][start];
    out[start] = sum;
  }
}

void per_value(const float* per_pixel, Size count, int channels, float* out) {
  if (channels == 1) {
    std::copy_n(per_pixel, count, out);
    return;
  }
  for (Size i = 0; i < count; ++i) out[3 * i] = out[3 * i + 1] = out[3 * i + 2] = per_pixel[i];
}

AUTOMASK_VECTOR_CLONES void to_bytes(const float* in, Size count, float bias, std::uint8_t* out) {
  for (Size i = 0; i < count; ++i) {
    const float value = std::min(std::max(in[i] + bias, 0.0F), 255.0F);
    out[i] = static_cast<std::uint8_t>(static_cast<std::int32_t>(value));
  }
}

cv::Mat to_bytes(const cv::Mat& floats, float bias) {
  cv::Mat result(floats.rows, floats.cols, CV_8UC(floats.channels()));
  to_bytes(floats.ptr<float>(), floats.total() * static_cast<Size>(floats.channels()), bias, result.data);
  return result;
}

cv::Mat to_floats(const cv::Mat& bytes) {
  cv::Mat result(bytes.rows, bytes.cols, CV_32FC(bytes.channels()));
  widen(bytes.data, bytes.total() * bytes.elemSize(), result.ptr<float>());
  return result;
}

namespace {

template <class Value, Size channels>
void set_pixels(const Value* in, Size count, float* out) {
  for (Size i = 0; i < count; ++i)
    for (Size c = 0; c < channels; ++c) out[i * pixel_width + c] = static_cast<float>(in[i * channels + c]);
}

}  // namespace

std::vector<float> whole_pixels(const cv::Mat& picture) {
  const Size count = picture.total();
  const bool gray = picture.channels() == 1;
  std::vector<float> result(count * pixel_width);
  if (picture.depth() == CV_8U)
    (gray ? set_pixels<std::uint8_t, 1> : set_pixels<std::uint8_t, 3>)(picture.data, count, result.data());
  else
    (gray ? set_pixels<float, 1> : set_pixels<float, 3>)(picture.ptr<float>(), count, result.data());
  return result;
}

std::vector<float> gaussian_kernel(double sigma, double truncate) {
  const int radius = static_cast<int>(truncate * sigma + 0.5);
  std::vector<double> weights;
  double sum = 0;
  for (int i = 0; i <= radius; ++i) {
    weights.push_back(sigma > 0 ? exponential(-0.5 * i * i / (sigma * sigma)) : 1);
    sum += (i == 0 ? 1 : 2) * weights.back();
  }
  std::vector<float> kernel;
  for (const double weight : weights) kernel.push_back(static_cast<float>(weight / sum));
  return kernel;
}

cv::Mat blur(const cv::Mat& picture, const std::vector<float>& kernel_y, const std::vector<float>& kernel_x,
             Border border) {
  const int channels = picture.channels(), rows = picture.rows;
  const int radius_x = static_cast<int>(kernel_x.size()) - 1, radius_y = static_cast<int>(kernel_y.size()) - 1;
  const Size row = static_cast<Size>(picture.cols * channels);
  const PaddedRow padded(picture, radius_x, radius_x, border);
  std::vector<float> line(padded.size()), across(row * static_cast<Size>(rows));
  std::vector<const float*> taps;
  for (int k = 0; k <= 2 * radius_x; ++k) taps.push_back(&line[static_cast<Size>(k * channels)]);
  for (int y = 0; y < rows; ++y) {
    padded.write(y, line.data());
    weigh_pairs(&taps[static_cast<Size>(radius_x)], kernel_x.data(), radius_x, row,
                &across[static_cast<Size>(y) * row]);
  }
  std::vector<const float*> lines;
  for (int y = -radius_y; y < rows + radius_y; ++y)
    lines.push_back(&across[static_cast<Size>(outside(y, rows, border)) * row]);
  cv::Mat result(rows, picture.cols, CV_32FC(channels));
  for (int y = 0; y < rows; ++y)
    weigh_pairs(&lines[static_cast<Size>(y + radius_y)], kernel_y.data(), radius_y, row, result.ptr<float>(y));
  return result;
}

cv::Mat gaussian(const cv::Mat& picture, double sigma) {
  const auto kernel = gaussian_kernel(sigma, 4);
  return blur(picture, kernel, kernel, Border::replicate);
}

cv::Mat smooth(const cv::Mat& plane, double sigma_y, double sigma_x, double truncate) {
  const auto kernel_y = gaussian_kernel(sigma_y, truncate), kernel_x = gaussian_kernel(sigma_x, truncate);
  // Measured at 224 x 224: beyond some 100 pixels the cosines are faster.
  constexpr Size wide = 100;
  if (kernel_y.size() < wide || kernel_x.size() < wide) return blur(plane, kernel_y, kernel_x, Border::reflect);
  std::vector<float> values(plane.begin<float>(), plane.end<float>());
  values = smooth_columns(values, plane.rows, plane.cols, kernel_y);
  values = transposed(values, plane.rows, plane.cols);
  values = smooth_columns(values, plane.cols, plane.rows, kernel_x);
  values = transposed(values, plane.cols, plane.rows);
  cv::Mat result(plane.rows, plane.cols, CV_32F);
  std::copy(values.begin(), values.end(), result.ptr<float>());
  return result;
}

MotionPath motion_path(int radius, double sigma, double degrees) {
  MotionPath path;
  const double across = cosine(degrees / 360), down = sine(degrees / 360);
  const int width = 2 * radius + 1;
  std::vector<double> weights;
  double sum = 0;
  for (int i = 0; i < width; ++i) {
    weights.push_back(exponential(-i * i / (2 * sigma * sigma)));
    sum += weights.back();
    path.offsets.emplace_back(static_cast<int>(std::ceil(i * across - 0.5)),
                              static_cast<int>(std::ceil(i * down - 0.5)));
  }
  for (const double weight : weights) path.weights.push_back(static_cast<float>(weight / sum));
  return path;
}

void end_inside(MotionPath& path, cv::Size size) {
  const auto leaves = [&](const cv::Point& p) { return std::abs(p.y) >= size.height || std::abs(p.x) >= size.width; };
  const auto end = std::find_if(path.offsets.begin(), path.offsets.end(), leaves) - path.offsets.begin();
  path.offsets.resize(static_cast<Size>(end));
  path.weights.resize(static_cast<Size>(end));
}

cv::Mat move_along(const cv::Mat& picture, const MotionPath& path) {
  cv::Mat result = cv::Mat::zeros(picture.rows, picture.cols, CV_32FC(picture.channels()));
  if (path.offsets.empty()) return result;
  int before = 0, after = 0;
  for (const auto& offset : path.offsets) {
    before = std::max(before, -offset.x);
    after = std::max(after, offset.x);
  }
  const PaddedRow padded(picture, before, after, Border::replicate);
  std::vector<float> rows(padded.size() * static_cast<Size>(picture.rows));
  for (int y = 0; y < picture.rows; ++y) padded.write(y, &rows[padded.size() * static_cast<Size>(y)]);
  std::vector<const float*> taps(path.offsets.size());
  const Size row = static_cast<Size>(picture.cols * picture.channels());
  for (int y = 0; y < picture.rows; ++y) {
    for (Size i = 0; i < taps.size(); ++i) {
      const int from = std::clamp(y + path.offsets[i].y, 0, picture.rows - 1);
      taps[i] = &rows[padded.size() * static_cast<Size>(from) +
                      static_cast<Size>((before + path.offsets[i].x) * picture.channels())];
    }
    weigh(taps.data(), path.weights.data(), taps.size(), row, result.ptr<float>(y));
  }
  return result;
}

int zoomed_size(int in, double zoom) {
  const double exact = in * zoom, below = std::floor(exact);
  const bool up = exact - below > 0.5 || (exact - below == 0.5 && std::fmod(below, 2) == 1);
  return static_cast<int>(below) + (up ? 1 : 0);
}

ZoomAxis zoom_axis(int in, double zoom) {
  const int out = std::max(1, zoomed_size(in, zoom));
  const double step = out > 1 ? static_cast<double>(in - 1) / (out - 1) : 1;
  ZoomAxis axis;
  for (int i = 0; i < out; ++i) {
    const double position = std::min(i * step, static_cast<double>(in - 1));
    const int left = std::min(static_cast<int>(position), std::max(0, in - 2));
    axis.left.push_back(left);
    axis.weight.push_back(static_cast<float>(position - left));
  }
  return axis;
}

}  // namespace automask::corruptions
