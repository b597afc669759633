// Small regions stretched and moved: displacements are uniform noise, smoothed and amplified, and light is taken from
// there by linear interpolation, the border reflected (P. Simard, D. Steinkraus, J. Platt, "Best Practices for
// Convolutional Neural Networks Applied to Visual Document Analysis", ICDAR 2003).
//
// ImageNet-C's generator moves three points of the picture before, an affine map; its lengths are in units of 244
// pixels for a picture of 224. imagecorruptions' corruption of that name has no affine part and other strengths.
// `fixed` is the generator's with lengths in proportion to the shorter side, and interpolates once.
#include <cmath>
#include <cstring>
#include <opencv2/imgproc.hpp>

#include "core/vector_clones.h"
#include "corruptions/fields.h"
#include "corruptions/filters.h"
#include "corruptions/operators.h"
#include "corruptions/random.h"

namespace automask::corruptions {
namespace {

struct Elastic {
  double alpha, sigma, affine;
};
// The generator's, times unit pixels.
constexpr Severities<Elastic> published = {Elastic{2, .7, .1}, Elastic{2, .08, .2}, Elastic{.05, .01, .02},
                                           Elastic{.07, .01, .02}, Elastic{.12, .01, .02}};
constexpr double unit = 244, usual_side = 224;
// imagecorruptions': amplification, of a field of +-0.5 % of the height, smoothed by 1 % of each side.
constexpr Severities<double> alpha_of_package = {12.5, 16.25, 21.25, 25, 30};
constexpr double sigma_of_package = .01, field_of_package = .005;
constexpr double truncate = 3;  // of the smoothing, in sigma

using Size = std::size_t;

// Mirrored at the edges, the edge pixel repeated: any whole number to [0, count).
int reflected(int i, int count) {
  if (static_cast<unsigned>(i) < static_cast<unsigned>(count)) return i;
  const int period = 2 * count, place = (i % period + period) % period;
  return place < count ? place : period - 1 - place;
}

// Where light is taken from: x = m[0] (x + dx) + m[1] (y + dy) + m[2], y likewise.
using Affine = std::array<double, 6>;
constexpr Affine identity = {1, 0, 0, 0, 1, 0};

// The pixel to the upper left of each place and the weights of those to the right and below.
struct Places {
  std::vector<std::int32_t> left, top;
  std::vector<float> right, below;
  explicit Places(Size count) : left(count), top(count), right(count), below(count) {}
};
AUTOMASK_VECTOR_CLONES void find_places(const float* __restrict dx, const float* __restrict dy, int y, int count,
                                        const float* __restrict m, std::int32_t* __restrict left,
                                        std::int32_t* __restrict top, float* __restrict right,
                                        float* __restrict below) {
  for (int x = 0; x < count; ++x) {
    const float u = static_cast<float>(x) + dx[x], v = static_cast<float>(y) + dy[x];
    const float px = m[0] * u + m[1] * v + m[2], py = m[3] * u + m[4] * v + m[5];
    auto l = static_cast<std::int32_t>(px), t = static_cast<std::int32_t>(py);
    l -= px < static_cast<float>(l) ? 1 : 0;
    t -= py < static_cast<float>(t) ? 1 : 0;
    left[x] = l;
    top[x] = t;
    right[x] = px - static_cast<float>(l);
    below[x] = py - static_cast<float>(t);
  }
}

// `picture` as by whole_pixels; `out` has room for one more pixel, whose places are written over.
template <int channels>
void take_row(const float* picture, int rows, int cols, const Places& places, float* out) {
  const Size row = static_cast<Size>(cols) * pixel_width;
  for (int x = 0; x < cols; ++x, out += channels) {
    const auto i = static_cast<Size>(x);
    const int l = places.left[i], t = places.top[i];
    const bool inside = static_cast<unsigned>(l) < static_cast<unsigned>(cols - 1) &&
                        static_cast<unsigned>(t) < static_cast<unsigned>(rows - 1);
    const int left = inside ? l : reflected(l, cols), right = inside ? l + 1 : reflected(l + 1, cols);
    const int top = inside ? t : reflected(t, rows), bottom = inside ? t + 1 : reflected(t + 1, rows);
    const float *upper = picture + static_cast<Size>(top) * row, *lower = picture + static_cast<Size>(bottom) * row;
    const Size from = static_cast<Size>(left) * pixel_width, to = static_cast<Size>(right) * pixel_width;
    const Pixel a = pixel_at(upper + from), b = pixel_at(upper + to);
    const Pixel c = pixel_at(lower + from), d = pixel_at(lower + to);
    const Pixel above = a + places.right[i] * (b - a), below = c + places.right[i] * (d - c);
    const Pixel mixed = above + places.below[i] * (below - above);
    std::memcpy(out, &mixed, sizeof mixed);
  }
}

// `picture` is CV_8U or CV_32F with 1 or 3 channels.
template <int channels>
cv::Mat resampled_to(const cv::Mat& picture, const cv::Mat& dx, const cv::Mat& dy, const Affine& affine, float bias) {
  const int rows = picture.rows, cols = picture.cols;
  const Size row = static_cast<Size>(cols * channels);
  const std::vector<float> pixels = whole_pixels(picture);
  std::array<float, 6> m;
  for (Size i = 0; i < m.size(); ++i) m[i] = static_cast<float>(affine[i]);
  Places places(static_cast<Size>(cols));
  std::vector<float> line(row + pixel_width);
  cv::Mat result(rows, cols, CV_8UC(channels));
  for (int y = 0; y < rows; ++y) {
    find_places(dx.ptr<float>(y), dy.ptr<float>(y), y, cols, m.data(), places.left.data(), places.top.data(),
                places.right.data(), places.below.data());
    take_row<channels>(pixels.data(), rows, cols, places, line.data());
    to_bytes(line.data(), row, bias, result.ptr(y));
  }
  return result;
}

cv::Mat resampled(const cv::Mat& picture, const cv::Mat& dx, const cv::Mat& dy, const Affine& affine, float bias) {
  return (picture.channels() == 1 ? resampled_to<1> : resampled_to<3>)(picture, dx, dy, affine, bias);
}

// The map that takes pts1 + moves back to pts1: three equations for each coordinate, by Cramer's rule.
Affine affine_back(const std::array<double, 6>& points, std::span<const float> moves, double reach) {
  std::array<double, 6> to;
  for (Size i = 0; i < 6; ++i) to[i] = points[i] + reach * static_cast<double>(moves[i]);
  const double ax = to[2] - to[0], ay = to[3] - to[1], bx = to[4] - to[0], by = to[5] - to[1];
  const double area = ax * by - ay * bx;
  if (std::abs(area) < 1e-9) return identity;
  Affine m;
  for (Size k = 0; k < 2; ++k) {
    const double a = points[2 + k] - points[k], b = points[4 + k] - points[k];
    m[3 * k] = (a * by - b * ay) / area;
    m[3 * k + 1] = (b * ax - a * bx) / area;
    m[3 * k + 2] = points[k] - m[3 * k] * to[0] - m[3 * k + 1] * to[1];
  }
  return m;
}

// fields: dx, dy, U(-1, 1), CV_32F; moves: six U(-1, 1).
cv::Mat stretched(const cv::Mat& picture, std::span<const float> moves, const cv::Mat& field_x, const cv::Mat& field_y,
                  int severity, Edition edition) {
  const int rows = picture.rows, cols = picture.cols;
  if (edition == Edition::imagecorruptions) {
    const double amount = at_severity(alpha_of_package, severity) * field_of_package * rows;
    const auto displacement = [&](const cv::Mat& field) -> cv::Mat {
      return smooth(field, sigma_of_package * rows, sigma_of_package * cols, truncate) * amount;
    };
    return resampled(picture, displacement(field_x), displacement(field_y), identity, 0);
  }
  const Elastic& e = at_severity(published, severity);
  const bool fixed = edition == Edition::fixed;
  const double side = std::min(rows, cols), length = fixed ? unit * side / usual_side : unit;
  const auto displacement = [&](const cv::Mat& field) -> cv::Mat {
    return smooth(field, e.sigma * length, e.sigma * length, truncate) * (e.alpha * length);
  };
  // Around the centre; the generator takes whole pixels, and its first coordinate is the row, but as x.
  const double third = fixed ? side / 3 : std::floor(side / 3);
  const double cx = fixed ? cols / 2.0 : std::floor(rows / 2.0), cy = fixed ? rows / 2.0 : std::floor(cols / 2.0);
  const std::array<double, 6> points = {cx + third, cy + third, cx + third, cy - third, cx - third, cy - third};
  const Affine back = affine_back(points, moves, e.affine * length);
  if (fixed) return resampled(picture, displacement(field_x), displacement(field_y), back, 0.5F);

  cv::Mat moved;
  const cv::Mat matrix(2, 3, CV_64F, const_cast<double*>(back.data()));
  cv::warpAffine(to_floats(picture), moved, matrix, picture.size(), cv::INTER_LINEAR | cv::WARP_INVERSE_MAP,
                 cv::BORDER_REFLECT_101);
  return resampled(moved, displacement(field_x), displacement(field_y), identity, 0);
}

cv::Mat apply_stretch(const cv::Mat& picture, LinkContext& context) {
  std::array<float, 6> moves{};
  fill_uniform(context.random, moves);
  cv::Mat field_x(picture.rows, picture.cols, CV_32F), field_y = field_x.clone();
  for (cv::Mat* field : {&field_x, &field_y}) fill_uniform(context.random, {field->ptr<float>(), field->total()});
  return stretched(picture, moves, field_x, field_y, context.level, context.settings.edition);
}

core::Json parameters(int level, Edition edition) {
  if (edition == Edition::imagecorruptions)
    return {{"alpha", at_severity(alpha_of_package, level)}, {"sigma", sigma_of_package}, {"field", field_of_package}};
  const Elastic& e = at_severity(published, level);
  return {{"alpha", e.alpha}, {"sigma", e.sigma}, {"affine", e.affine}, {"unit", unit}};
}

}  // namespace

cv::Mat elastic_transform_of(const cv::Mat& picture, std::span<const float> field, int severity,
                             const OperatorSettings& settings) {
  const Size affine = settings.edition == Edition::imagecorruptions ? 0 : 6;
  expect_numbers(field, affine + 2 * picture.total(), "elastic_transform");
  const auto plane = [&](Size from) {
    return cv::Mat(picture.rows, picture.cols, CV_32F, const_cast<float*>(field.data() + from));
  };
  return stretched(picture, field.first(affine), plane(affine), plane(affine + picture.total()), severity,
                   settings.edition);
}

constinit const Operator elastic_transform{"elastic_transform", apply_stretch, parameters};

}  // namespace automask::corruptions
