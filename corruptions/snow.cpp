// Flakes: a normal field enlarged, cut at a threshold and blurred along the direction of fall; the layer and itself
// turned by 180 degrees are added to a picture that is drawn towards white.
//
// `compat` passes the layer through u8 before and after ImageMagick's motion blur, imagecorruptions once after its own.
#include <cmath>

#include "core/vector_clones.h"
#include "corruptions/fields.h"
#include "corruptions/filters.h"
#include "corruptions/operators.h"
#include "corruptions/random.h"

namespace automask::corruptions {
namespace {

struct Fall {
  double mean, deviation, zoom, threshold;
  int radius;
  double sigma, mix;
};
constexpr Severities<Fall> falls = {Fall{.1, .3, 3, .5, 10, 4, .8}, Fall{.2, .3, 2, .5, 12, 4, .7},
                                    Fall{.55, .3, 4, .9, 12, 8, .7}, Fall{.55, .3, 4.5, .85, 12, 8, .65},
                                    Fall{.55, .3, 2.5, .85, 12, 12, .55}};
constexpr double steepest = -45, widest = -135;  // degrees; -90 is straight down

using Size = std::size_t;

// The part of the field that the zoom enlarges.
cv::Rect cut(cv::Size size, double zoom) {
  const int height = static_cast<int>(std::ceil(size.height / zoom)),
            width = static_cast<int>(std::ceil(size.width / zoom));
  return {(size.width - width) / 2, (size.height - height) / 2, width, height};
}

// `seeds`: N(0, 1), CV_32F of the cut's size. Gives the layer in [0, 1] at the picture's size.
cv::Mat layer_of(const cv::Mat& seeds, cv::Size size, const Fall& fall, double degrees, Edition edition) {
  const ZoomAxis down = zoom_axis(seeds.rows, fall.zoom), across = zoom_axis(seeds.cols, fall.zoom);
  const int rows = static_cast<int>(down.left.size()), cols = static_cast<int>(across.left.size());
  const bool theirs = edition == Edition::imagecorruptions;
  // The generator trims before the motion blur, imagecorruptions after it and at the lower right only.
  const cv::Rect window = theirs ? cv::Rect(0, 0, cols, rows)
                                 : cv::Rect((cols - size.width) / 2, (rows - size.height) / 2, size.width, size.height);
  const auto mean = static_cast<float>(fall.mean), deviation = static_cast<float>(fall.deviation);
  const auto threshold = static_cast<float>(fall.threshold);
  cv::Mat layer(window.size(), CV_32F);
  std::vector<float> line(static_cast<Size>(seeds.cols) + 1);
  for (int y = 0; y < window.height; ++y) {
    const auto from = static_cast<Size>(y + window.y);
    const float* upper = seeds.ptr<float>(down.left[from]);
    const float* lower = seeds.ptr<float>(std::min(down.left[from] + 1, seeds.rows - 1));
    for (int x = 0; x < seeds.cols; ++x)
      line[static_cast<Size>(x)] = mean + deviation * (upper[x] + down.weight[from] * (lower[x] - upper[x]));
    line.back() = line[line.size() - 2];
    float* out = layer.ptr<float>(y);
    for (int x = 0; x < window.width; ++x) {
      const auto place = static_cast<Size>(x + window.x);
      const float* left = &line[static_cast<Size>(across.left[place])];
      const float value = left[0] + across.weight[place] * (left[1] - left[0]);
      out[x] = value < threshold ? 0 : std::min(value, 1.0F);
    }
  }
  if (edition == Edition::compat) layer = to_floats(to_bytes(layer * 255, 0)) / 255;
  MotionPath path = motion_path(fall.radius, fall.sigma, degrees);
  if (theirs) end_inside(path, layer.size());
  layer = move_along(layer, path);
  if (edition != Edition::fixed)
    layer = to_floats(to_bytes(layer * 255, edition == Edition::compat ? magick_bias : 0.5F)) / 255;
  return layer(cv::Rect(cv::Point(), size));
}

AUTOMASK_VECTOR_CLONES void lightness(const std::uint8_t* in, int channels, Size count, float* out) {
  if (channels == 1) {
    for (Size i = 0; i < count; ++i) out[i] = static_cast<float>(in[i]) * 1.5F + 127.5F;
    return;
  }
  // Weights of cv::COLOR_RGB2GRAY: ITU-R BT.601.
  for (Size i = 0; i < count; ++i) {
    const float gray = 0.299F * static_cast<float>(in[3 * i]) + 0.587F * static_cast<float>(in[3 * i + 1]) +
                       0.114F * static_cast<float>(in[3 * i + 2]);
    out[i] = gray * 1.5F + 127.5F;
  }
}

// x c + (1 - c) max(x, white) + flakes, in levels of 255.
AUTOMASK_VECTOR_CLONES void whiten(const std::uint8_t* in, const float* white, const float* flakes, Size count,
                                   float mix, float bias, std::uint8_t* out) {
  for (Size i = 0; i < count; ++i) {
    const auto x = static_cast<float>(in[i]);
    const float value = mix * x + (1 - mix) * std::max(x, white[i]) + flakes[i] + bias;
    out[i] = static_cast<std::uint8_t>(static_cast<std::int32_t>(std::min(std::max(value, 0.0F), 255.0F)));
  }
}

cv::Mat snow_on(const cv::Mat& picture, const cv::Mat& seeds, const Fall& fall, double degrees, Edition edition) {
  const cv::Mat layer = layer_of(seeds, picture.size(), fall, degrees, edition);
  cv::Mat result = same_shape(picture);
  const auto cols = static_cast<Size>(picture.cols), row = cols * static_cast<Size>(picture.channels());
  std::vector<float> line(cols), white(row), flakes(row);
  for (int y = 0; y < picture.rows; ++y) {
    lightness(picture.ptr(y), picture.channels(), cols, line.data());
    per_value(line.data(), cols, picture.channels(), white.data());
    const float *here = layer.ptr<float>(y), *turned = layer.ptr<float>(picture.rows - 1 - y);
    for (Size x = 0; x < cols; ++x) line[x] = 255 * (here[x] + turned[cols - 1 - x]);
    per_value(line.data(), cols, picture.channels(), flakes.data());
    whiten(picture.ptr(y), white.data(), flakes.data(), row, static_cast<float>(fall.mix), bias_of(edition),
           result.ptr(y));
  }
  return result;
}

cv::Mat apply_snow(const cv::Mat& picture, LinkContext& context) {
  const Fall& fall = at_severity(falls, context.level);
  const double degrees = widest + (steepest - widest) * context.random.uniform();
  // Only the part that is enlarged is drawn.
  cv::Mat seeds(cut(picture.size(), fall.zoom).size(), CV_32F);
  fill_normal(context.random, {seeds.ptr<float>(), seeds.total()});
  return snow_on(picture, seeds, fall, degrees, context.settings.edition);
}

core::Json parameters(int level, Edition) {
  const Fall& fall = at_severity(falls, level);
  return {{"mean", fall.mean},     {"deviation", fall.deviation}, {"zoom", fall.zoom}, {"threshold", fall.threshold},
          {"radius", fall.radius}, {"sigma", fall.sigma},         {"mix", fall.mix},   {"degrees", {widest, steepest}}};
}

}  // namespace

cv::Mat snow_of(const cv::Mat& picture, std::span<const float> field, int severity, const OperatorSettings& settings) {
  expect_numbers(field, picture.total() + 1, "snow");
  const Fall& fall = at_severity(falls, severity);
  const cv::Mat whole(picture.rows, picture.cols, CV_32F, const_cast<float*>(field.data()));
  const cv::Mat seeds = whole(cut(picture.size(), fall.zoom)).clone();
  return snow_on(picture, seeds, fall, static_cast<double>(field.back()), settings.edition);
}

constinit const Operator snow{"snow", apply_snow, parameters};

}  // namespace automask::corruptions
