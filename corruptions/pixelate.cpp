// Shrinks by means over boxes, enlarges by repeating pixels. A pixel belongs to a box if its centre lies in it: PIL's
// BOX filter (Pillow, src/libImaging/Resample.c), which is not OpenCV's INTER_AREA. Enlarging by PIL's BOX, as the
// generator does, and by NEAREST, as imagecorruptions does, give the same.
#include <algorithm>
#include <cmath>

#include "corruptions/operators.h"

namespace automask::corruptions {
namespace {

constexpr Severities<double> factor = {.6, .5, .4, .3, .25};

using Size = std::size_t;

// Pixels [first, last) of each box along one axis.
struct Boxes {
  std::vector<int> first, last;
  std::vector<std::uint32_t> share;  // 2^22 / (last - first), rounded: PIL's fixed-point weight
  std::vector<int> box_of;           // the box that position i of the enlarged axis shows
};
constexpr int fraction_bits = 22;

Boxes boxes(int side, double f) {
  const int number = std::max(1, static_cast<int>(side * f));
  const double length = static_cast<double>(side) / number;
  Boxes b;
  for (int i = 0; i < number; ++i) {
    const double centre = (i + 0.5) * length;
    int first = static_cast<int>(std::max(0.0, centre - length / 2 + 0.5));
    int last = std::min(side, static_cast<int>(centre + length / 2 + 0.5));
    // The centre of a pixel on the lower edge belongs to the box before, as far as rounding shows it.
    const auto distance = [&](int x) { return (x - centre + 0.5) * (1 / length); };
    while (last - first > 1 && !(distance(first) > -0.5)) ++first;
    while (last - first > 1 && !(distance(last - 1) <= 0.5)) --last;
    b.first.push_back(first);
    b.last.push_back(last);
    b.share.push_back(static_cast<std::uint32_t>(static_cast<double>(1u << fraction_bits) / (last - first) + 0.5));
  }
  // PIL adds up the step, whose rounding decides where a centre falls on an edge.
  const double step = static_cast<double>(number) / side;
  double place = step / 2;
  for (int i = 0; i < side; ++i, place += step) b.box_of.push_back(std::min(number - 1, static_cast<int>(place)));
  return b;
}

std::uint8_t mean(std::uint32_t sum, std::uint32_t share) {
  return static_cast<std::uint8_t>(std::min(255u, (sum * share + (1u << (fraction_bits - 1))) >> fraction_bits));
}

template <Size channels>
cv::Mat pixelated(const cv::Mat& picture, double f) {
  const Boxes down = boxes(picture.rows, f), across = boxes(picture.cols, f);
  const Size width = across.first.size();
  cv::Mat result = same_shape(picture);
  const Size row = static_cast<Size>(picture.cols) * channels;
  std::vector<std::uint32_t> sums(width * channels);
  std::vector<std::uint8_t> small(width * channels);
  int y = 0;  // row of the result
  for (Size j = 0; j < down.first.size(); ++j) {
    // Rows of boxes first along x, rounded to u8 as PIL does between its two passes, then down.
    std::fill(sums.begin(), sums.end(), 0u);
    for (int from = down.first[j]; from < down.last[j]; ++from) {
      const std::uint8_t* in = picture.ptr(from);
      for (Size i = 0; i < width; ++i) {
        std::uint32_t sum[channels] = {};
        for (int x = across.first[i]; x < across.last[i]; ++x)
          for (Size c = 0; c < channels; ++c) sum[c] += in[static_cast<Size>(x) * channels + c];
        for (Size c = 0; c < channels; ++c) sums[i * channels + c] += mean(sum[c], across.share[i]);
      }
    }
    for (Size i = 0; i < sums.size(); ++i) small[i] = mean(sums[i], down.share[j]);
    if (y >= picture.rows || down.box_of[static_cast<Size>(y)] != static_cast<int>(j)) continue;
    std::uint8_t* first = result.ptr(y);
    for (Size x = 0; x < across.box_of.size(); ++x)
      for (Size c = 0; c < channels; ++c)
        first[x * channels + c] = small[static_cast<Size>(across.box_of[x]) * channels + c];
    for (++y; y < picture.rows && down.box_of[static_cast<Size>(y)] == static_cast<int>(j); ++y)
      std::copy_n(first, row, result.ptr(y));
  }
  return result;
}

cv::Mat apply_boxes(const cv::Mat& picture, LinkContext& context) {
  const double f = at_severity(factor, context.level);
  return picture.channels() == 1 ? pixelated<1>(picture, f) : pixelated<3>(picture, f);
}

core::Json parameters(int level, Edition) { return {{"factor", at_severity(factor, level)}}; }

}  // namespace

constinit const Operator pixelate{"pixelate", apply_boxes, parameters};

}  // namespace automask::corruptions
