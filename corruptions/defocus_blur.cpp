// Convolution with a disk that a small Gaussian antialiases; the border is mirrored without repeating the edge.
//
// The generator blurs the disk inside a window that just holds it, so the kernels of severities 4 and 5 sum to 1.013
// and 1.011. Here the Gaussian has room, and the kernel sums to 1. That also makes it separable into disk and Gaussian:
// the disk is summed exactly, in integers, row by row from prefix sums, whatever its area.
#include <cmath>
#include <cstring>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "core/vector_clones.h"
#include "corruptions/operators.h"

namespace automask::corruptions {
namespace {

struct Lens {
  int radius;
  double alias;                                      // sigma of the Gaussian
  int margin() const { return radius > 8 ? 2 : 1; }  // half size of the Gaussian: 5 x 5 above radius 8, else 3 x 3
};
constexpr Severities<Lens> lenses = {Lens{3, .1}, Lens{4, .5}, Lens{6, .5}, Lens{8, .5}, Lens{10, .5}};

struct Kernel {
  int radius, margin;
  std::vector<int> half_width;  // of the disk's row dy, at [dy + radius]
  std::vector<float> gauss;     // [margin + 1] from the centre outwards, sums to 1 over both sides
  float scale;                  // 1 / area of the disk

  explicit Kernel(const Lens& lens) : radius(lens.radius), margin(lens.margin()) {
    int area = 0;
    for (int dy = -radius; dy <= radius; ++dy) {
      int w = 0;
      while ((w + 1) * (w + 1) + dy * dy <= radius * radius) ++w;
      half_width.push_back(w);
      area += 2 * w + 1;
    }
    scale = 1.0F / static_cast<float>(area);
    std::vector<double> weights;
    double sum = 0;
    for (int i = 0; i <= margin; ++i) {
      weights.push_back(std::exp(-i * i / (2 * lens.alias * lens.alias)));
      sum += (i == 0 ? 1 : 2) * weights.back();
    }
    for (const double weight : weights) gauss.push_back(static_cast<float>(weight / sum));
  }
};

const Kernel& kernel(int level) {
  static const Severities<Kernel> kernels = {Kernel(lenses[0]), Kernel(lenses[1]), Kernel(lenses[2]), Kernel(lenses[3]),
                                             Kernel(lenses[4])};
  return at_severity(kernels, level);
}

using Size = std::size_t;
// Positions summed at a time; rows have room for the last lot.
using Lot = std::int32_t __attribute__((vector_size(32)));
constexpr Size width = 8, lot = 4 * width;

// Where position i of a row that is mirrored by `reach` on both sides comes from.
std::vector<int> mirrored(int count, int reach) {
  std::vector<int> source(static_cast<Size>(count + 2 * reach));
  for (int i = 0; i < count + 2 * reach; ++i)
    source[static_cast<Size>(i)] = cv::borderInterpolate(i - reach, count, cv::BORDER_REFLECT_101);
  return source;
}

template <Size channels>
void sum_up(const std::uint8_t* in, const std::vector<int>& source, std::int32_t* out) {
  std::fill_n(out, channels, 0);
  std::int32_t sum[channels] = {};
  for (const int x : source) {
    out += channels;
    for (Size c = 0; c < channels; ++c) out[c] = sum[c] += in[static_cast<Size>(x) * channels + c];
  }
}

// Prefix sums along each row, mirrored by `reach` columns on both sides: [rows][cols + 2 reach + 1][channels].
std::vector<std::int32_t> prefix_sums(const cv::Mat& picture, int reach) {
  const auto source = mirrored(picture.cols, reach);
  const auto channels = static_cast<Size>(picture.channels()), stride = (source.size() + 1) * channels;
  std::vector<std::int32_t> sums(static_cast<Size>(picture.rows) * stride + lot);
  for (int y = 0; y < picture.rows; ++y)
    (channels == 1 ? sum_up<1> : sum_up<3>)(picture.ptr(y), source, &sums[static_cast<Size>(y) * stride]);
  return sums;
}

AUTOMASK_INLINE void add_difference(Lot& sum, const std::int32_t* left, const std::int32_t* right) {
  Lot a, b;
  std::memcpy(&a, left, sizeof a);
  std::memcpy(&b, right, sizeof b);
  sum += b - a;
}

// Sums of the disk around each position of one row. A lot of positions at a time stays in registers.
AUTOMASK_VECTOR_CLONES void disk_row(const Kernel& k, const std::int32_t* const* rows, Size channels, Size count,
                                     std::int32_t* out) {
  const Size radius = static_cast<Size>(k.radius), number = k.half_width.size();
  for (Size start = 0; start < count; start += lot) {
    Lot s0{}, s1{}, s2{}, s3{};
    for (Size dy = 0; dy < number; ++dy) {
      const auto w = static_cast<Size>(k.half_width[dy]);
      const std::int32_t* left = rows[dy] + start + (radius - w) * channels;
      const std::int32_t* right = rows[dy] + start + (radius + w + 1) * channels;
      add_difference(s0, left, right);
      add_difference(s1, left + width, right + width);
      add_difference(s2, left + 2 * width, right + 2 * width);
      add_difference(s3, left + 3 * width, right + 3 * width);
    }
    std::memcpy(out + start, &s0, sizeof s0);
    std::memcpy(out + start + width, &s1, sizeof s1);
    std::memcpy(out + start + 2 * width, &s2, sizeof s2);
    std::memcpy(out + start + 3 * width, &s3, sizeof s3);
  }
}

// Symmetric weights, [margin + 1] from the centre outwards, of values `step` apart.
template <class Value>
AUTOMASK_INLINE void weigh_around(const Value* centre, const std::vector<float>& weights, Size step, Size count,
                                  float* out) {
  for (Size i = 0; i < count; ++i) out[i] = weights[0] * static_cast<float>(centre[i]);
  for (Size m = 1; m < weights.size(); ++m) {
    const Value *before = centre - m * step, *after = centre + m * step;
    for (Size i = 0; i < count; ++i) out[i] += weights[m] * static_cast<float>(before[i] + after[i]);
  }
}
AUTOMASK_VECTOR_CLONES void along_row(const std::int32_t* centre, const std::vector<float>& weights, Size channels,
                                      Size count, float* out) {
  weigh_around(centre, weights, channels, count, out);
}
AUTOMASK_VECTOR_CLONES void across_rows(const float* centre, const std::vector<float>& weights, Size row, float scale,
                                        float* total, std::uint8_t* out) {
  weigh_around(centre, weights, row, row, total);
  for (Size i = 0; i < row; ++i)
    out[i] = static_cast<std::uint8_t>(std::min(255, static_cast<int>(total[i] * scale + 0.5F)));
}

// The generator's kernel: the disk in a window of radius 8, or its own where that is larger, whose mirrored border the
// Gaussian sees.
cv::Mat published_kernel(const Lens& lens) {
  const int half = std::max(8, lens.radius), side = 2 * half + 1;
  cv::Mat_<float> disk(side, side, 0.0F);
  int area = 0;
  for (int y = -half; y <= half; ++y)
    for (int x = -half; x <= half; ++x)
      if (x * x + y * y <= lens.radius * lens.radius) {
        disk(y + half, x + half) = 1;
        ++area;
      }
  disk /= area;
  const int window = 2 * lens.margin() + 1;
  cv::GaussianBlur(disk, disk, {window, window}, lens.alias);
  return disk;
}

// In double, as there: sums that should be whole numbers come out a little below as often.
cv::Mat published_blur(const cv::Mat& picture, const Lens& lens) {
  cv::Mat share, blurred;
  picture.convertTo(share, CV_64F, 1 / 255.0);
  cv::filter2D(share, blurred, -1, published_kernel(lens));
  cv::Mat result = same_shape(picture);
  const auto out = values(result);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = to_byte(blurred.ptr<double>()[i] * 255, Edition::compat);
  return result;
}

cv::Mat apply_blur(const cv::Mat& picture, LinkContext& context) {
  if (context.settings.edition != Edition::fixed) return published_blur(picture, at_severity(lenses, context.level));
  const Kernel& k = kernel(context.level);
  const int channels = picture.channels(), reach = k.radius + k.margin, rows = picture.rows;
  const Size stride = static_cast<Size>((picture.cols + 2 * reach + 1) * channels);  // of the prefix sums
  const Size wide = static_cast<Size>((picture.cols + 2 * k.margin) * channels);     // row of disk sums
  const Size row = static_cast<Size>(picture.cols * channels), step = static_cast<Size>(channels);
  const auto sums = prefix_sums(picture, reach);
  const auto source = mirrored(rows, reach);

  // Disk sums of one row, then the Gaussian along it, kept for every row that the Gaussian across rows needs.
  std::vector<std::int32_t> disk(wide + lot);
  std::vector<const std::int32_t*> window(k.half_width.size());  // the prefix sums of rows y - radius to y + radius
  std::vector<float> lines(row * static_cast<Size>(rows + 2 * k.margin));
  for (int y = -k.margin; y < rows + k.margin; ++y) {
    for (Size dy = 0; dy < window.size(); ++dy)
      window[dy] = &sums[static_cast<Size>(source[static_cast<Size>(y + k.margin) + dy]) * stride];
    disk_row(k, window.data(), step, wide, disk.data());
    float* line = &lines[row * static_cast<Size>(y + k.margin)];
    along_row(disk.data() + static_cast<Size>(k.margin) * step, k.gauss, step, row, line);
  }

  cv::Mat result = same_shape(picture);
  std::vector<float> total(row);
  for (int y = 0; y < rows; ++y)
    across_rows(&lines[row * static_cast<Size>(y + k.margin)], k.gauss, row, k.scale, total.data(), result.ptr(y));
  return result;
}

core::Json parameters(int level, Edition) {
  const Lens& lens = at_severity(lenses, level);
  return {{"radius", lens.radius}, {"alias_sigma", lens.alias}};
}

}  // namespace

constinit const Operator defocus_blur{"defocus_blur", apply_blur, parameters};

}  // namespace automask::corruptions
