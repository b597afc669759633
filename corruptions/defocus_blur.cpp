// Convolution with a disk that a small Gaussian antialiases; the border is mirrored without repeating the edge.
//
// The generator blurs the disk inside a window that just holds it, so the kernels of severities 4 and 5 sum to 1.013
// and 1.011. Here the Gaussian has room, and the kernel sums to 1. That also makes it separable into disk and Gaussian:
// the disk is summed exactly, in integers, row by row from prefix sums, whatever its area.
#include <cmath>
#include <opencv2/core.hpp>

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

// Prefix sums along each row, mirrored by `reach` columns on both sides: [rows][cols + 2 reach + 1][channels].
std::vector<std::int32_t> prefix_sums(const cv::Mat& picture, int reach) {
  const int channels = picture.channels(), padded = picture.cols + 2 * reach;
  std::vector<int> source(static_cast<Size>(padded));
  for (int x = 0; x < padded; ++x)
    source[static_cast<Size>(x)] = channels * cv::borderInterpolate(x - reach, picture.cols, cv::BORDER_REFLECT_101);
  std::vector<std::int32_t> sums(static_cast<Size>(picture.rows) * static_cast<Size>((padded + 1) * channels));
  std::int32_t* sum = sums.data();
  for (int y = 0; y < picture.rows; ++y) {
    const std::uint8_t* in = picture.ptr(y);
    for (int c = 0; c < channels; ++c) sum[c] = 0;
    for (const int x : source)
      for (int c = 0; c < channels; ++c, ++sum) sum[channels] = sum[0] + in[x + c];
    sum += channels;
  }
  return sums;
}

cv::Mat apply_blur(const cv::Mat& picture, LinkContext& context) {
  const Kernel& k = kernel(context.level);
  const int channels = picture.channels(), reach = k.radius + k.margin, rows = picture.rows;
  const Size stride = static_cast<Size>((picture.cols + 2 * reach + 1) * channels);  // of the prefix sums
  const Size wide = static_cast<Size>((picture.cols + 2 * k.margin) * channels);     // row of disk sums
  const Size row = static_cast<Size>(picture.cols * channels), step = static_cast<Size>(channels);
  const auto sums = prefix_sums(picture, reach);

  // Disk sums of one row, then the Gaussian along it, kept for every row that the Gaussian across rows needs.
  std::vector<std::int32_t> disk(wide);
  std::vector<float> lines(row * static_cast<Size>(rows + 2 * k.margin));
  for (int y = -k.margin; y < rows + k.margin; ++y) {
    std::fill(disk.begin(), disk.end(), 0);
    for (int dy = -k.radius; dy <= k.radius; ++dy) {
      const int w = k.half_width[static_cast<Size>(dy + k.radius)];
      const auto from = static_cast<Size>(cv::borderInterpolate(y + dy, rows, cv::BORDER_REFLECT_101));
      const std::int32_t* left = &sums[from * stride] + static_cast<Size>((k.radius - w) * channels);
      const std::int32_t* right = &sums[from * stride] + static_cast<Size>((k.radius + w + 1) * channels);
      for (Size i = 0; i < wide; ++i) disk[i] += right[i] - left[i];
    }
    float* line = &lines[row * static_cast<Size>(y + k.margin)];
    const std::int32_t* centre = disk.data() + static_cast<Size>(k.margin) * step;
    for (Size i = 0; i < row; ++i) line[i] = k.gauss[0] * static_cast<float>(centre[i]);
    for (int m = 1; m <= k.margin; ++m) {
      const float weight = k.gauss[static_cast<Size>(m)];
      const Size d = static_cast<Size>(m) * step;
      for (Size i = 0; i < row; ++i) line[i] += weight * static_cast<float>(*(centre + i - d) + centre[i + d]);
    }
  }

  cv::Mat result = same_shape(picture);
  std::vector<float> total(row);
  for (int y = 0; y < rows; ++y) {
    const float* centre = &lines[row * static_cast<Size>(y + k.margin)];
    for (Size i = 0; i < row; ++i) total[i] = k.gauss[0] * centre[i];
    for (int m = 1; m <= k.margin; ++m) {
      const float weight = k.gauss[static_cast<Size>(m)];
      const float *above = centre - row * static_cast<Size>(m), *below = centre + row * static_cast<Size>(m);
      for (Size i = 0; i < row; ++i) total[i] += weight * (above[i] + below[i]);
    }
    std::uint8_t* out = result.ptr(y);
    for (Size i = 0; i < row; ++i) out[i] = static_cast<std::uint8_t>(std::min(255.0F, total[i] * k.scale + 0.5F));
  }
  return result;
}

core::Json parameters(int level) {
  const Lens& lens = at_severity(lenses, level);
  return {{"radius", lens.radius}, {"alias_sigma", lens.alias}};
}

}  // namespace

constinit const Operator defocus_blur{"defocus_blur", apply_blur, parameters};

}  // namespace automask::corruptions
