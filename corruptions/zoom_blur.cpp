// The mean of the picture and of enlargements of its centre, the first of which is the picture itself.
//
// The generator cuts ceil(side / zoom) pixels around the centre and enlarges them by scipy.ndimage.zoom; what sticks
// out is trimmed on both sides. imagecorruptions trims at the lower right only.
#include <cmath>
#include <cstring>

#include "core/vector_clones.h"
#include "corruptions/filters.h"
#include "corruptions/operators.h"

namespace automask::corruptions {
namespace {

struct Zooms {
  double step;
  int count;  // zooms 1, 1 + step, ...: numpy.arange up to 1.11, 1.16, 1.21, 1.26, 1.31; rounding gives the first 12
};
constexpr Severities<Zooms> zooms = {Zooms{.01, 12}, Zooms{.01, 16}, Zooms{.02, 11}, Zooms{.02, 13}, Zooms{.03, 11}};

using Size = std::size_t;

// Where each of `out` positions of an axis lies in the picture.
ZoomAxis cut(int side, double zoom, Edition edition) {
  const int kept = static_cast<int>(std::ceil(side / zoom)), first = (side - kept) / 2;
  const ZoomAxis whole = zoom_axis(kept, zoom);
  const int excess = static_cast<int>(whole.left.size()) - side;
  const int trim = edition == Edition::imagecorruptions ? 0 : excess / 2;
  ZoomAxis axis;
  for (int i = 0; i < side; ++i) {
    const auto from = static_cast<Size>(std::min(i + trim, static_cast<int>(whole.left.size()) - 1));
    axis.left.push_back(whole.left[from] + first);
    axis.weight.push_back(whole.weight[from]);
  }
  return axis;
}

AUTOMASK_VECTOR_CLONES void mix_rows(const float* upper, const float* lower, float weight, Size count, float* out) {
  for (Size i = 0; i < count; ++i) out[i] = upper[i] + weight * (lower[i] - upper[i]);
}

// sum[i] += line at place[i] and the next pixel, mixed by weight[i]
AUTOMASK_VECTOR_CLONES void add_columns(const float* line, const int* place, const float* weight, Size count,
                                        float* sum) {
  for (Size i = 0; i < count; ++i) {
    const float* from = line + static_cast<Size>(place[i]) * pixel_width;
    const Pixel left = pixel_at(from), right = pixel_at(from + pixel_width);
    const Pixel total = pixel_at(sum + i * pixel_width) + (left + weight[i] * (right - left));
    std::memcpy(sum + i * pixel_width, &total, sizeof total);
  }
}

// The means as values of `channels`, 0 in the unused places of pixels.
template <Size channels>
void scale_row(const float* pixels, Size count, float share, float* out) {
  for (Size i = 0; i < count; ++i)
    for (Size c = 0; c < channels; ++c) out[i * channels + c] = pixels[i * pixel_width + c] * share;
}

cv::Mat apply_blur(const cv::Mat& picture, LinkContext& context) {
  const Zooms& z = at_severity(zooms, context.level);
  const auto cols = static_cast<Size>(picture.cols), row = cols * pixel_width;
  const std::vector<float> floats = whole_pixels(picture);
  // The picture counts twice: by itself and as the zoom by 1.
  std::vector<float> sum = floats, line(row + pixel_width);
  for (float& value : sum) value *= 2;
  for (int k = 1; k < z.count; ++k) {
    // As numpy.arange counts: a zoom that is a bit larger may cut one pixel less.
    const double zoom = 1 + k * ((1 + z.step) - 1);
    const ZoomAxis down = cut(picture.rows, zoom, context.settings.edition);
    const ZoomAxis across = cut(picture.cols, zoom, context.settings.edition);
    for (int y = 0; y < picture.rows; ++y) {
      const auto at = static_cast<Size>(y);
      const int upper = down.left[at], lower = std::min(upper + 1, picture.rows - 1);
      mix_rows(&floats[static_cast<Size>(upper) * row], &floats[static_cast<Size>(lower) * row], down.weight[at], row,
               line.data());
      add_columns(line.data(), across.left.data(), across.weight.data(), cols, &sum[at * row]);
    }
  }
  cv::Mat result = same_shape(picture);
  const auto share = static_cast<float>(1.0 / (z.count + 1));
  const auto channels = static_cast<Size>(picture.channels());
  std::vector<float> mean(cols * channels);
  for (int y = 0; y < picture.rows; ++y) {
    (channels == 1 ? scale_row<1> : scale_row<3>)(&sum[static_cast<Size>(y) * row], cols, share, mean.data());
    to_bytes(mean.data(), mean.size(), bias_of(context.settings.edition), result.ptr(y));
  }
  return result;
}

core::Json parameters(int level, Edition) {
  const Zooms& z = at_severity(zooms, level);
  return {{"zoom_step", z.step}, {"zooms", z.count}};
}

}  // namespace

constinit const Operator zoom_blur{"zoom_blur", apply_blur, parameters};

}  // namespace automask::corruptions
