#include <gtest/gtest.h>

#include <cmath>

#include "core/philox.h"
#include "datasets/dataset.h"

namespace automask::datasets {
namespace {

cv::Mat random_picture(int rows, int cols, int channels, std::uint64_t seed) {
  core::RandomStream random(seed);
  cv::Mat picture(rows, cols, CV_8UC(channels));
  for (std::size_t i = 0; i < picture.total() * picture.elemSize(); ++i)
    picture.data[i] = static_cast<std::uint8_t>(random.next());
  return picture;
}

DatasetSpec input(int channels, int height, int width) {
  DatasetSpec spec;
  spec.channels = channels;
  spec.height = height;
  spec.width = width;
  return spec;
}

// An independent computation: the triangle filter by its definition, two-dimensional, in doubles, at the place that the
// crop takes; no rounding in between.
double antialiased(const cv::Mat& picture, int channel, cv::Size resized, int x, int y) {
  const auto weight = [](int in, int out, int position, int source) {
    const double scale = static_cast<double>(in) / out, support = std::max(1.0, scale);
    return std::max(0.0, 1 - std::abs((source + 0.5 - (position + 0.5) * scale) / support));
  };
  double sum = 0, weights = 0;
  for (int v = 0; v < picture.rows; ++v)
    for (int u = 0; u < picture.cols; ++u) {
      const double w = weight(picture.cols, resized.width, x, u) * weight(picture.rows, resized.height, y, v);
      weights += w;
      sum += w * picture.ptr(v)[u * picture.channels() + channel];
    }
  return sum / weights;
}

void expect_antialiased(int rows, int cols, const DatasetSpec& spec, cv::Size resized, cv::Point corner) {
  const cv::Mat picture = random_picture(rows, cols, spec.channels, 5);
  const cv::Mat result = preprocess(picture, spec);
  ASSERT_EQ(result.rows, spec.height);
  ASSERT_EQ(result.cols, spec.width);
  ASSERT_EQ(result.channels(), spec.channels);
  ASSERT_TRUE(result.isContinuous());
  for (int y = 0; y < result.rows; ++y)
    for (int x = 0; x < result.cols; ++x)
      for (int c = 0; c < spec.channels; ++c)
        ASSERT_NEAR(result.ptr(y)[x * spec.channels + c], antialiased(picture, c, resized, x + corner.x, y + corner.y),
                    1.1)
            << x << " " << y << " " << c;
}

// Pillow 9.4: Image.resize((4, 3), BICUBIC), and columns 1 to 9 of Image.resize((11, 8), BICUBIC).
TEST(Preprocess, BicubicIsPillows) {
  cv::Mat picture(5, 7, CV_8UC1);
  for (int i = 0; i < 35; ++i) picture.data[i] = static_cast<std::uint8_t>((i * 97 + 11 * (i / 3) * (i / 3)) % 256);
  const std::vector<std::uint8_t> small = {91, 129, 116, 149, 176, 122, 118, 119, 64, 154, 105, 126};
  const std::vector<std::uint8_t> large = {28,  111, 186, 147, 46,  96,  178, 253, 175, 70,  80,  188, 157, 41,  102,
                                           157, 163, 148, 144, 58,  172, 154, 48,  109, 126, 61,  110, 227, 150, 84,
                                           72,  102, 106, 123, 153, 98,  193, 175, 90,  99,  168, 105, 101, 187, 125,
                                           58,  124, 186, 223, 219, 104, 67,  148, 175, 48,  122, 186, 169, 96,  79,
                                           106, 166, 128, 62,  127, 172, 109, 0,   61,  141, 185, 85};
  DatasetSpec spec = input(1, 3, 4);
  spec.resize = 3;
  const cv::Mat shrunk = preprocess(picture, spec, Interpolation::bicubic);
  EXPECT_EQ(std::vector<std::uint8_t>(shrunk.datastart, shrunk.dataend), small);
  spec = input(1, 8, 9);
  spec.resize = 8;
  const cv::Mat grown = preprocess(picture, spec, Interpolation::bicubic);
  EXPECT_EQ(std::vector<std::uint8_t>(grown.datastart, grown.dataend), large);
}

TEST(Preprocess, ShrinksWithAntialiasing) {
  expect_antialiased(64, 64, input(1, 28, 28), {28, 28}, {0, 0});
  expect_antialiased(50, 50, input(3, 7, 7), {7, 7}, {0, 0});
}

TEST(Preprocess, EnlargesBilinearly) { expect_antialiased(9, 9, input(3, 32, 32), {32, 32}, {0, 0}); }

TEST(Preprocess, ResizesBeforeItCrops) {
  auto spec = input(3, 14, 14);
  spec.resize = 16;
  // Resize(16) of 40 x 71: int(16 x 71 / 40) = 28; (28 - 14) / 2 = 7 and (16 - 14) / 2 = 1.
  expect_antialiased(40, 71, spec, {28, 16}, {7, 1});
  const cv::Mat picture = random_picture(40, 71, 3, 5);
  EXPECT_EQ(cv::norm(resize_and_centre_crop(picture, 16, 14), preprocess(picture, spec), cv::NORM_INF), 0);
}

TEST(Preprocess, CutsTheMiddleOfTheLongSide) {
  // The long side is int(20 x 90 / 40) = 45; (45 - 20) / 2 = 12.5 rounds to even.
  expect_antialiased(40, 90, input(1, 20, 20), {45, 20}, {12, 0});
  // int(20 x 94 / 40) = 47; 13.5 rounds to 14.
  expect_antialiased(94, 40, input(1, 20, 20), {20, 47}, {0, 14});
}

TEST(Preprocess, CoversInputsThatAreNotSquare) {
  expect_antialiased(30, 30, input(1, 10, 15), {15, 15}, {0, 2});
  expect_antialiased(30, 60, input(1, 15, 10), {30, 15}, {10, 0});
}

TEST(Preprocess, WorksFromOnePixel) {
  const cv::Mat one(1, 1, CV_8UC1, cv::Scalar(77));
  const cv::Mat result = preprocess(one, input(3, 4, 5));
  EXPECT_EQ(cv::norm(result, cv::Mat(4, 5, CV_8UC3, cv::Scalar::all(77)), cv::NORM_INF), 0);
  EXPECT_EQ(preprocess(random_picture(1, 300, 3, 1), input(1, 1, 1)).total(), 1u);
}

// Brought to a short side of 256 it would have 15,360,000 rows; what is kept of them takes no more than any other.
TEST(Preprocess, TakesThePartsOfPicturesThatAreAllSide) {
  for (const int length : {60'000, 20'000'000}) {
    cv::Mat line(length, 1, CV_8UC1, cv::Scalar(10));
    const int middle = length / 2;
    line(cv::Rect(0, middle, 1, length - middle)) = cv::Scalar(200);
    for (const bool upright : {true, false}) {
      const cv::Mat picture = upright ? line : cv::Mat(1, length, CV_8UC1, line.data);
      cv::Mat result = resize_and_centre_crop(picture);
      if (!upright) cv::transpose(result, result);
      ASSERT_EQ(result.size(), cv::Size(224, 224));
      for (int x = 0; x < 224; ++x) {
        EXPECT_LE(result.at<std::uint8_t>(111, x), 105);
        EXPECT_GE(result.at<std::uint8_t>(112, x), 105);
      }
    }
  }
}

TEST(Preprocess, LeavesAFittingPictureAlone) {
  for (const int channels : {1, 3}) {
    const cv::Mat picture = random_picture(28, 28, channels, 2);
    EXPECT_EQ(cv::norm(preprocess(picture, input(channels, 28, 28)), picture, cv::NORM_INF), 0);
  }
  // Also when it is a window of a larger one, whose rows lie apart.
  const cv::Mat large = random_picture(40, 40, 1, 3);
  const cv::Mat window = large(cv::Rect(5, 6, 28, 28));
  const cv::Mat result = preprocess(window, input(1, 28, 28));
  EXPECT_TRUE(result.isContinuous());
  EXPECT_EQ(cv::norm(result, window, cv::NORM_INF), 0);
}

TEST(Preprocess, ConvertsColour) {
  // ITU-R 601-2: 0.299 R + 0.587 G + 0.114 B.
  const cv::Mat rgb = random_picture(16, 16, 3, 4);
  const cv::Mat gray = preprocess(rgb, input(1, 16, 16));
  for (int y = 0; y < 16; ++y)
    for (int x = 0; x < 16; ++x) {
      const auto& p = rgb.at<cv::Vec3b>(y, x);
      EXPECT_NEAR(gray.at<std::uint8_t>(y, x), 0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2], 0.51);
    }
  const cv::Mat back = preprocess(gray, input(3, 16, 16));
  for (int y = 0; y < 16; ++y)
    for (int x = 0; x < 16; ++x) EXPECT_EQ(back.at<cv::Vec3b>(y, x), cv::Vec3b::all(gray.at<std::uint8_t>(y, x)));
}

}  // namespace
}  // namespace automask::datasets
