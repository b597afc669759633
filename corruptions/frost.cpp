// a x + b frost: a window of a picture of ice, at a random place.
//
// The generator takes the window at the photograph's own scale and draws among the first five of its six files;
// imagecorruptions enlarges the photograph to 1.1 times what the picture needs, at least 1.1. `fixed` draws among all
// photographs, or among textures drawn by formula, whose crystals grow with the picture.
#include <cmath>
#include <opencv2/imgproc.hpp>

#include "core/error.h"
#include "core/vector_clones.h"
#include "corruptions/fields.h"
#include "corruptions/frost_pictures.h"
#include "corruptions/operators.h"

namespace automask::corruptions {
namespace {

struct Ice {
  double picture, frost;
};
constexpr Severities<Ice> ices = {Ice{1, .4}, Ice{.8, .6}, Ice{.7, .7}, Ice{.65, .7}, Ice{.6, .75}};
constexpr std::uint32_t drawn_files = 5;  // randint(5) over six

AUTOMASK_VECTOR_CLONES void blend(const std::uint8_t* in, const std::uint8_t* frost, int count, float a, float b,
                                  float bias, std::uint8_t* out) {
  for (int i = 0; i < count; ++i) {
    const float value = a * static_cast<float>(in[i]) + b * static_cast<float>(frost[i]) + bias;
    out[i] = static_cast<std::uint8_t>(std::min(std::max(value, 0.0F), 255.0F));
  }
}

cv::Mat gray_of(const cv::Mat& rgb) {
  cv::Mat gray(rgb.rows, rgb.cols, CV_8UC1);
  for (int y = 0; y < rgb.rows; ++y)
    for (int x = 0; x < rgb.cols; ++x) {
      const auto& p = rgb.at<cv::Vec3b>(y, x);
      gray.at<std::uint8_t>(y, x) =
          to_byte(0.2989 * p[0] + 0.5870 * p[1] + 0.1140 * p[2]);  // imagecorruptions' weights
    }
  return gray;
}

cv::Mat frost_on(const cv::Mat& picture, const cv::Mat& window, int severity, Edition edition) {
  const Ice& ice = at_severity(ices, severity);
  const cv::Mat frost = picture.channels() == 1 ? gray_of(window) : window;
  cv::Mat result = same_shape(picture);
  for (int y = 0; y < picture.rows; ++y)
    blend(picture.ptr(y), frost.ptr(y), picture.cols * picture.channels(), static_cast<float>(ice.picture),
          static_cast<float>(ice.frost), bias_of(edition), result.ptr(y));
  return result;
}

// How much a photograph must grow so that a window of `size` fits, and a random place is left.
double growth(cv::Size photograph, cv::Size size, Edition edition) {
  const double needed = std::max(
      {1.0, static_cast<double>(size.height) / photograph.height, static_cast<double>(size.width) / photograph.width});
  // A window needs at least one place to start from, which the generator takes for granted.
  if (edition == Edition::compat)
    return size.width < photograph.width && size.height < photograph.height ? 1 : needed * 1.1;
  return edition == Edition::imagecorruptions ? needed * 1.1 : needed;
}

// The photograph at the scale that the edition gives it.
cv::Mat scaled(const cv::Mat& photograph, cv::Size size, Edition edition) {
  const double factor = growth(photograph.size(), size, edition);
  if (factor == 1) return photograph;
  cv::Mat result;
  cv::resize(
      photograph, result,
      {static_cast<int>(std::ceil(photograph.cols * factor)), static_cast<int>(std::ceil(photograph.rows * factor))}, 0,
      0, cv::INTER_CUBIC);
  return result;
}

const std::vector<cv::Mat>& photographs(const OperatorSettings& settings) {
  if (settings.frost_folder.empty())
    throw core::Error(core::ExitCode::usage, "frost",
                      "variant " + std::string(to_string(settings.edition)) + " needs photographs of frost",
                      "name the folder that holds frost1.png to frost6.jpg (ImageNet-C/create_c of "
                      "github.com/hendrycks/robustness), or take variant fixed, which draws frost by formula");
  return frost_photographs(settings.frost_folder, settings.edition);
}

// A window of a texture whose crystals are as large against the picture as at 224 pixels, mirrored at random.
cv::Mat drawn_window(core::RandomStream& random, cv::Size size) {
  constexpr double usual_side = 224;
  const cv::Mat& texture = frost_texture(static_cast<int>(random.below(frost_textures)));
  const double scale = usual_side / std::min(size.width, size.height);
  const auto part = [&](int side) { return std::clamp(static_cast<int>(std::lround(side * scale)), 1, frost_side); };
  const int width = part(size.width), height = part(size.height);
  const cv::Rect place(static_cast<int>(random.below(static_cast<std::uint32_t>(frost_side - width + 1))),
                       static_cast<int>(random.below(static_cast<std::uint32_t>(frost_side - height + 1))), width,
                       height);
  const std::uint32_t turn = random.below(4);  // not, upside down, left to right, both
  cv::Mat window = texture(place);
  if (window.size() != size) {
    cv::Mat resized;
    cv::resize(window, resized, size, 0, 0, width > size.width ? cv::INTER_AREA : cv::INTER_LINEAR);
    window = resized;
  }
  if (turn == 0) return window;
  cv::Mat turned;
  cv::flip(window, turned, turn == 1 ? 0 : turn == 2 ? 1 : -1);
  return turned;
}

cv::Mat photographed_window(core::RandomStream& random, cv::Size size, const OperatorSettings& settings) {
  const auto& all = photographs(settings);
  const bool fixed = settings.edition == Edition::fixed;
  const auto number = fixed ? static_cast<std::uint32_t>(all.size()) : drawn_files;
  const cv::Mat& photograph = all[random.below(number)];
  const double factor = growth(photograph.size(), size, settings.edition);
  const int rows = static_cast<int>(std::ceil(photograph.rows * factor));
  const int cols = static_cast<int>(std::ceil(photograph.cols * factor));
  // The last place is never drawn by the generator.
  const int extra = fixed ? 1 : 0;
  const auto start = [&](int whole, int side) {
    return static_cast<int>(random.below(static_cast<std::uint32_t>(std::max(1, whole - side + extra))));
  };
  const int top = start(rows, size.height), left = start(cols, size.width);
  return scaled(photograph, size, settings.edition)(cv::Rect(cv::Point(left, top), size));
}

cv::Mat apply_frost(const cv::Mat& picture, LinkContext& context) {
  const bool drawn = context.settings.edition == Edition::fixed && context.settings.frost_folder.empty();
  const cv::Mat window = drawn ? drawn_window(context.random, picture.size())
                               : photographed_window(context.random, picture.size(), context.settings);
  return frost_on(picture, window, context.level, context.settings.edition);
}

core::Json parameters(int level, Edition) {
  const Ice& ice = at_severity(ices, level);
  return {{"picture", ice.picture}, {"frost", ice.frost}};
}

}  // namespace

cv::Mat frost_of(const cv::Mat& picture, std::span<const float> field, int severity, const OperatorSettings& settings) {
  expect_numbers(field, 3, "frost");
  const cv::Mat& photograph = photographs(settings).at(static_cast<std::size_t>(field[0]));
  const cv::Point place(static_cast<int>(field[2]), static_cast<int>(field[1]));
  return frost_on(picture, scaled(photograph, picture.size(), settings.edition)(cv::Rect(place, picture.size())),
                  severity, settings.edition);
}

constinit const Operator frost{"frost", apply_frost, parameters};

}  // namespace automask::corruptions
