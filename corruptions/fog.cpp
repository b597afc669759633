// (x + a fog) m / (m + a), m the picture's highest value. The fog is a map of heights by the diamond-square algorithm
// on a torus (A. Fournier, D. Fussell, L. Carpenter, "Computer Rendering of Stochastic Models", Comm. ACM 25(6), 1982),
// whose disturbance falls from octave to octave.
#include <algorithm>
#include <bit>

#include "core/vector_clones.h"
#include "corruptions/fields.h"
#include "corruptions/filters.h"
#include "corruptions/operators.h"
#include "corruptions/random.h"

namespace automask::corruptions {
namespace {

struct Haze {
  double amount, decay;
};
constexpr Severities<Haze> hazes = {Haze{1.5, 2}, Haze{2, 2}, Haze{2.5, 1.7}, Haze{2.5, 1.5}, Haze{3, 1.4}};

using Size = std::size_t;

// The generator's map has side 256 and serves pictures up to that; imagecorruptions takes the power of two above the
// longer side, at least 4 since it counts the channels too.
int map_side(const cv::Mat& picture, Edition edition) {
  const int side = std::max({picture.rows, picture.cols, 2});
  const int fitting = static_cast<int>(std::bit_ceil(static_cast<unsigned>(side)));
  if (edition == Edition::compat) return std::max(256, fitting);
  return edition == Edition::imagecorruptions ? std::max(4, fitting) : fitting;
}

// Rows of the next octave from rows of this one. `corner`, `below`: heights of this row and the next, [n + 1], the
// first repeated at the end. Draws are U(-1, 1).
AUTOMASK_VECTOR_CLONES void centres(const float* corner, const float* below, const float* draw, float wibble, Size n,
                                    float* centre) {
  for (Size i = 0; i < n; ++i)
    centre[i] = (corner[i] + below[i] + (corner[i + 1] + below[i + 1])) * 0.25F + wibble * draw[i];
}
// Middles of the upper edges: between two corners, above and below two centres.
AUTOMASK_VECTOR_CLONES void upper_edges(const float* corner, const float* centre, const float* centre_above,
                                        const float* draw, float wibble, Size n, float* out) {
  for (Size i = 0; i < n; ++i) {
    out[2 * i] = corner[i];
    out[2 * i + 1] = (centre[i] + centre_above[i] + (corner[i] + corner[i + 1])) * 0.25F + wibble * draw[i];
  }
}
// `centre` has one more in front, the last: [1 + n].
AUTOMASK_VECTOR_CLONES void left_edges(const float* corner, const float* below, const float* centre, const float* draw,
                                       float wibble, Size n, float* out) {
  for (Size i = 0; i < n; ++i) {
    out[2 * i] = (centre[i + 1] + centre[i] + (corner[i] + below[i])) * 0.25F + wibble * draw[i];
    out[2 * i + 1] = centre[i + 1];
  }
}

// Heights [side][side]; draw(count) gives the next numbers.
template <class Draw>
std::vector<float> height_map(int side, double decay, Draw&& draw) {
  std::vector<float> map = {0.0F};
  double wibble = 100;
  for (Size n = 1; n < static_cast<Size>(side); n *= 2, wibble /= decay) {
    // The disturbance is wibble times U(-wibble, wibble): a quirk that only the ratio of octaves shows.
    const auto reach = static_cast<float>(wibble * wibble);
    const std::vector<float> draws = draw(3 * n * n);
    const float *squares = draws.data(), *tops = squares + n * n, *lefts = tops + n * n;
    std::vector<float> corners(n * (n + 1)), middles(n * (n + 1)), next(4 * n * n);
    for (Size y = 0; y < n; ++y) {
      std::copy_n(&map[y * n], n, &corners[y * (n + 1)]);
      corners[y * (n + 1) + n] = map[y * n];
    }
    for (Size y = 0; y < n; ++y) {
      float* row = &middles[y * (n + 1)];
      centres(&corners[y * (n + 1)], &corners[(y + 1) % n * (n + 1)], squares + y * n, reach, n, row + 1);
      row[0] = row[n];
    }
    for (Size y = 0; y < n; ++y) {
      const float *corner = &corners[y * (n + 1)], *below = &corners[(y + 1) % n * (n + 1)];
      const float *centre = &middles[y * (n + 1)], *above = &middles[(y + n - 1) % n * (n + 1)];
      upper_edges(corner, centre + 1, above + 1, tops + y * n, reach, n, &next[2 * y * 2 * n]);
      left_edges(corner, below, centre, lefts + y * n, reach, n, &next[(2 * y + 1) * 2 * n]);
    }
    map = std::move(next);
  }
  return map;
}

AUTOMASK_VECTOR_CLONES void add_haze(const std::uint8_t* in, const float* haze, Size count, float scale, float bias,
                                     std::uint8_t* out) {
  for (Size i = 0; i < count; ++i) {
    const float value = (static_cast<float>(in[i]) + haze[i]) * scale + bias;
    out[i] = static_cast<std::uint8_t>(static_cast<std::int32_t>(std::min(std::max(value, 0.0F), 255.0F)));
  }
}

AUTOMASK_VECTOR_CLONES void range_of(const float* in, Size count, float& low, float& high) {
  float lowest[16], highest[16];
  for (Size k = 0; k < 16; ++k) lowest[k] = highest[k] = in[0];
  Size i = 0;
  for (; i + 16 <= count; i += 16)
    for (Size k = 0; k < 16; ++k) {
      lowest[k] = in[i + k] < lowest[k] ? in[i + k] : lowest[k];
      highest[k] = in[i + k] > highest[k] ? in[i + k] : highest[k];
    }
  low = *std::min_element(lowest, lowest + 16);
  high = *std::max_element(highest, highest + 16);
  for (; i < count; ++i) {
    low = std::min(low, in[i]);
    high = std::max(high, in[i]);
  }
}

cv::Mat fog_over(const cv::Mat& picture, const std::vector<float>& map, int side, double amount, Edition edition) {
  float low = 0, high = 0;
  range_of(map.data(), map.size(), low, high);
  const float scale = high > low ? static_cast<float>(255 * amount) / (high - low) : 0.0F;
  const auto in = values(picture);
  const double most = *std::max_element(in.begin(), in.end()) / 255.0;
  const auto shrink = static_cast<float>(most / (most + amount));
  cv::Mat result = same_shape(picture);
  const auto cols = static_cast<Size>(picture.cols), row = cols * static_cast<Size>(picture.channels());
  std::vector<float> haze(cols), spread(row);
  for (int y = 0; y < picture.rows; ++y) {
    const float* heights = &map[static_cast<Size>(y) * static_cast<Size>(side)];
    for (Size x = 0; x < cols; ++x) haze[x] = (heights[x] - low) * scale;
    per_value(haze.data(), cols, picture.channels(), spread.data());
    add_haze(picture.ptr(y), spread.data(), row, shrink, bias_of(edition), result.ptr(y));
  }
  return result;
}

cv::Mat apply_fog(const cv::Mat& picture, LinkContext& context) {
  const Haze& h = at_severity(hazes, context.level);
  const int side = map_side(picture, context.settings.edition);
  const auto map = height_map(side, h.decay, [&](Size count) {
    std::vector<float> draws(count);
    fill_uniform(context.random, draws);
    return draws;
  });
  return fog_over(picture, map, side, h.amount, context.settings.edition);
}

core::Json parameters(int level, Edition) {
  const Haze& h = at_severity(hazes, level);
  return {{"amount", h.amount}, {"decay", h.decay}};
}

}  // namespace

cv::Mat fog_of(const cv::Mat& picture, std::span<const float> field, int severity, const OperatorSettings& settings) {
  const Haze& h = at_severity(hazes, severity);
  const int side = map_side(picture, settings.edition);
  expect_numbers(field, static_cast<Size>(side) * static_cast<Size>(side) - 1, "fog");
  const auto map = height_map(side, h.decay, [&](Size count) {
    std::vector<float> draws(field.begin(), field.begin() + static_cast<std::ptrdiff_t>(count));
    field = field.subspan(count);
    return draws;
  });
  return fog_over(picture, map, side, h.amount, settings.edition);
}

constinit const Operator fog{"fog", apply_fog, parameters};

}  // namespace automask::corruptions
