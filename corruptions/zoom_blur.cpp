// The mean of the picture and of enlargements of its centre, the first of which is the picture itself.
//
// The generator cuts ceil(side / zoom) pixels around the centre and enlarges them by scipy.ndimage.zoom; what sticks
// out is trimmed on both sides. imagecorruptions trims at the lower right only.
#include <cmath>

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
AUTOMASK_VECTOR_CLONES void add_columns(const float* line, const std::int32_t* place, const float* weight, Size next,
                                        Size count, float* sum) {
  for (Size i = 0; i < count; ++i) {
    const float left = line[place[i]], right = line[static_cast<Size>(place[i]) + next];
    sum[i] += left + weight[i] * (right - left);
  }
}

cv::Mat apply_blur(const cv::Mat& picture, LinkContext& context) {
  const Zooms& z = at_severity(zooms, context.level);
  const auto channels = static_cast<Size>(picture.channels()), row = static_cast<Size>(picture.cols) * channels;
  const cv::Mat floats = to_floats(picture);
  // The picture counts twice: by itself and as the zoom by 1.
  cv::Mat sum = floats * 2;
  std::vector<float> line(row + channels), weights(row);
  std::vector<std::int32_t> places(row);
  for (int k = 1; k < z.count; ++k) {
    // As numpy.arange counts: a zoom that is a bit larger may cut one pixel less.
    const double zoom = 1 + k * ((1 + z.step) - 1);
    const ZoomAxis down = cut(picture.rows, zoom, context.settings.edition);
    const ZoomAxis across = cut(picture.cols, zoom, context.settings.edition);
    for (Size x = 0; x < across.left.size(); ++x)
      for (Size c = 0; c < channels; ++c) {
        places[x * channels + c] = static_cast<std::int32_t>(static_cast<Size>(across.left[x]) * channels + c);
        weights[x * channels + c] = across.weight[x];
      }
    for (int y = 0; y < picture.rows; ++y) {
      const int upper = down.left[static_cast<Size>(y)], lower = std::min(upper + 1, picture.rows - 1);
      mix_rows(floats.ptr<float>(upper), floats.ptr<float>(lower), down.weight[static_cast<Size>(y)], row, line.data());
      add_columns(line.data(), places.data(), weights.data(), channels, row, sum.ptr<float>(y));
    }
  }
  sum *= 1.0 / (z.count + 1);
  return to_bytes(sum, bias_of(context.settings.edition));
}

core::Json parameters(int level, Edition) {
  const Zooms& z = at_severity(zooms, level);
  return {{"zoom_step", z.step}, {"zooms", z.count}};
}

}  // namespace

constinit const Operator zoom_blur{"zoom_blur", apply_blur, parameters};

}  // namespace automask::corruptions
