// Drops on the lens: a smoothed normal field above a threshold. Severities 1 to 3 are water, lit by the distance from
// the drops' edges (Canny, distance transform, emboss); 4 and 5 are mud that covers the picture.
#include <opencv2/imgproc.hpp>

#include "core/vector_clones.h"
#include "corruptions/fields.h"
#include "corruptions/filters.h"
#include "corruptions/operators.h"
#include "corruptions/random.h"

namespace automask::corruptions {
namespace {

struct Drops {
  double mean, deviation, sigma, threshold;
  double strength;  // of water; of mud the sigma of its edge
  bool mud;
};
constexpr Severities<Drops> drops = {Drops{.65, .3, 4, .69, .6, false}, Drops{.65, .3, 3, .68, .6, false},
                                     Drops{.65, .3, 2, .68, .5, false}, Drops{.65, .3, 1, .65, 1.5, true},
                                     Drops{.67, .4, 1, .65, 1.5, true}};
// RGB. The generator calls water pale turquoise, whose red comes first.
constexpr std::array<float, 3> water = {175, 238, 238}, mud = {63, 42, 20};
constexpr float least_mud = 0.8F;

// Of a colour on a gray picture: imagecorruptions' weights.
float gray_of(const std::array<float, 3>& colour) {
  return 0.2989F * colour[0] + 0.5870F * colour[1] + 0.1140F * colour[2];
}

// Water's light per pixel, largest 1: [rows][cols]. `liquid` is zero outside drops.
cv::Mat light_of(const cv::Mat& liquid) {
  const cv::Mat bytes = to_bytes(liquid * 255, 0);
  cv::Mat edges, distance;
  cv::Canny(bytes, edges, 50, 150);
  cv::distanceTransform(255 - edges, distance, cv::DIST_L2, 5);
  cv::threshold(distance, distance, 20, 20, cv::THRESH_TRUNC);
  cv::blur(distance, distance, {3, 3});
  cv::Mat relief = to_bytes(distance, 0);
  cv::equalizeHist(relief, relief);
  cv::Mat embossed;
  cv::filter2D(relief, embossed, CV_8U, cv::Mat_<int>({3, 3}, {-2, -1, 0, -1, 1, 1, 0, 1, 2}));
  cv::blur(embossed, embossed, {3, 3});
  cv::Mat light = to_floats(bytes).mul(to_floats(embossed));
  double most = 0;
  cv::minMaxLoc(light, nullptr, &most);
  return most > 0 ? cv::Mat(light / most) : light;
}

// Light or cover and the colour's part of it, per value of a row.
void paint(const float* amount, const std::array<float, 3>& colour, std::size_t pixels, std::size_t channels,
           float* amounts, float* paints) {
  for (std::size_t i = 0; i < pixels; ++i)
    for (std::size_t c = 0; c < channels; ++c) {
      amounts[i * channels + c] = amount[i];
      paints[i * channels + c] = amount[i] * colour[c];
    }
}

// in (1 - cover) + paint
AUTOMASK_VECTOR_CLONES void add_paint(const std::uint8_t* in, const float* cover, const float* paint, std::size_t count,
                                      float bias, std::uint8_t* out) {
  for (std::size_t i = 0; i < count; ++i) {
    const float value = static_cast<float>(in[i]) * (1 - cover[i]) + paint[i] + bias;
    out[i] = static_cast<std::uint8_t>(static_cast<std::int32_t>(std::min(std::max(value, 0.0F), 255.0F)));
  }
}

AUTOMASK_VECTOR_CLONES void threshold_at(float* values, std::size_t count, float mean, float deviation, float threshold,
                                         bool mask) {
  for (std::size_t i = 0; i < count; ++i) {
    const float value = mean + deviation * values[i];
    values[i] = value <= threshold ? 0.0F : mask ? 1.0F : value;
  }
}

// `field`: N(0, 1), CV_32F of the picture's size.
cv::Mat spatter_on(const cv::Mat& picture, const cv::Mat& field, const Drops& d, Edition edition) {
  cv::Mat liquid = gaussian(field, d.sigma);
  threshold_at(liquid.ptr<float>(), liquid.total(), static_cast<float>(d.mean), static_cast<float>(d.deviation),
               static_cast<float>(d.threshold), d.mud);
  const auto channels = static_cast<std::size_t>(picture.channels()), cols = static_cast<std::size_t>(picture.cols);
  std::array<float, 3> colour = d.mud ? mud : water;
  if (channels == 1) colour[0] = gray_of(colour);
  cv::Mat amount;
  if (d.mud) {
    amount = gaussian(liquid, d.strength);
    for (float& value : cv::Mat_<float>(amount))
      if (value < least_mud) value = 0;
  } else {
    amount = light_of(liquid) * d.strength;
  }
  cv::Mat result = same_shape(picture);
  std::vector<float> cover(cols * channels), paints(cols * channels);
  for (int y = 0; y < picture.rows; ++y) {
    paint(amount.ptr<float>(y), colour, cols, channels, cover.data(), paints.data());
    if (!d.mud) std::fill(cover.begin(), cover.end(), 0.0F);  // water covers nothing
    add_paint(picture.ptr(y), cover.data(), paints.data(), cover.size(), bias_of(edition), result.ptr(y));
  }
  return result;
}

cv::Mat apply_spatter(const cv::Mat& picture, LinkContext& context) {
  cv::Mat field(picture.rows, picture.cols, CV_32F);
  fill_normal(context.random, {field.ptr<float>(), field.total()});
  return spatter_on(picture, field, at_severity(drops, context.level), context.settings.edition);
}

core::Json parameters(int level, Edition) {
  const Drops& d = at_severity(drops, level);
  return {{"mean", d.mean},           {"deviation", d.deviation}, {"sigma", d.sigma},
          {"threshold", d.threshold}, {"strength", d.strength},   {"liquid", d.mud ? "mud" : "water"}};
}

}  // namespace

cv::Mat spatter_of(const cv::Mat& picture, std::span<const float> field, int severity,
                   const OperatorSettings& settings) {
  expect_numbers(field, picture.total(), "spatter");
  const cv::Mat plane(picture.rows, picture.cols, CV_32F, const_cast<float*>(field.data()));
  return spatter_on(picture, plane, at_severity(drops, severity), settings.edition);
}

constinit const Operator spatter{"spatter", apply_spatter, parameters};

}  // namespace automask::corruptions
