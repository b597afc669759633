// Blur, brightness and contrast against plain computations of their definitions.
#include <gtest/gtest.h>

#include <opencv2/imgproc.hpp>

#include "tests/unit/corruptions/pictures.h"

namespace automask::corruptions {
namespace {

using testing::apply_operator;
using testing::difference;
using testing::flat;
using testing::scene;

// The kernel as one array: a disk in a window with room, convolved with a sampled Gaussian of 3 x 3 or 5 x 5.
cv::Mat defocus_kernel(int radius, double alias) {
  const int margin = radius > 8 ? 2 : 1, half = radius + margin, side = 2 * half + 1;
  cv::Mat kernel = cv::Mat::zeros(side, side, CV_64F);
  for (int y = -radius; y <= radius; ++y)
    for (int x = -radius; x <= radius; ++x) {
      if (x * x + y * y > radius * radius) continue;
      for (int v = -margin; v <= margin; ++v)
        for (int u = -margin; u <= margin; ++u)
          kernel.at<double>(y + v + half, x + u + half) += std::exp(-(u * u + v * v) / (2 * alias * alias));
    }
  return kernel / cv::sum(kernel)[0];
}

TEST(DefocusBlur, EqualsAPlainConvolution) {
  const int radius[] = {3, 4, 6, 8, 10};
  const double alias[] = {.1, .5, .5, .5, .5};
  for (int severity = 1; severity <= 5; ++severity) {
    const cv::Mat kernel = defocus_kernel(radius[severity - 1], alias[severity - 1]);
    const int half = kernel.rows / 2;
    for (const cv::Size size : {cv::Size(28, 28), cv::Size(41, 17), cv::Size(5, 30), cv::Size(2, 1), cv::Size(1, 1)})
      for (const int channels : {1, 3}) {
        const cv::Mat picture = scene(size.height, size.width, channels);
        const cv::Mat blurred = apply_operator("defocus_blur", picture, severity);
        ASSERT_EQ(blurred.size(), picture.size());
        ASSERT_EQ(blurred.type(), picture.type());
        for (int y = 0; y < size.height; ++y)
          for (int x = 0; x < size.width; ++x)
            for (int c = 0; c < channels; ++c) {
              double sum = 0;
              for (int v = -half; v <= half; ++v)
                for (int u = -half; u <= half; ++u) {
                  const int row = cv::borderInterpolate(y + v, size.height, cv::BORDER_REFLECT_101);
                  const int column = cv::borderInterpolate(x + u, size.width, cv::BORDER_REFLECT_101);
                  sum += kernel.at<double>(v + half, u + half) * picture.ptr(row)[column * channels + c];
                }
              ASSERT_NEAR(blurred.ptr(y)[x * channels + c], sum, 0.501)
                  << severity << " " << size << " " << x << " " << y;
            }
      }
  }
}

TEST(DefocusBlur, KeepsFlatPictures) {
  for (int severity = 1; severity <= 5; ++severity)
    for (const int value : {0, 1, 100, 254, 255})
      EXPECT_EQ(difference(apply_operator("defocus_blur", flat(30, 30, 3, value), severity), flat(30, 30, 3, value)), 0)
          << severity << " " << value;
}

TEST(Brightness, AddsToTheHsvValue) {
  const double offsets[] = {.1, .2, .3, .4, .5};
  cv::Mat picture = scene(40, 40, 3);
  picture.at<cv::Vec3b>(0, 0) = {0, 0, 0};
  picture.at<cv::Vec3b>(0, 1) = {255, 10, 0};
  for (int severity = 1; severity <= 5; ++severity) {
    cv::Mat reference, hsv;
    picture.convertTo(reference, CV_32F, 1 / 255.0);
    cv::cvtColor(reference, hsv, cv::COLOR_RGB2HSV);
    for (auto& pixel : cv::Mat_<cv::Vec3f>(hsv))
      pixel[2] = std::min(1.0F, pixel[2] + static_cast<float>(offsets[severity - 1]));
    cv::cvtColor(hsv, reference, cv::COLOR_HSV2RGB);
    const cv::Mat brighter = apply_operator("brightness", picture, severity);
    for (std::size_t i = 0; i < picture.total() * 3; ++i)
      ASSERT_NEAR(brighter.data[i], 255 * reinterpret_cast<const float*>(reference.data)[i], 0.51)
          << severity << " " << i;
  }
}

TEST(Brightness, OfGrayEqualsThatOfGrayInRgb) {
  cv::Mat gray(16, 16, CV_8UC1), rgb(16, 16, CV_8UC3);
  for (int i = 0; i < 256; ++i) {
    gray.data[i] = static_cast<std::uint8_t>(i);
    for (int c = 0; c < 3; ++c) rgb.data[3 * i + c] = static_cast<std::uint8_t>(i);
  }
  for (int severity = 1; severity <= 5; ++severity) {
    const cv::Mat from_gray = apply_operator("brightness", gray, severity),
                  from_rgb = apply_operator("brightness", rgb, severity);
    for (int i = 0; i < 256; ++i) {
      ASSERT_EQ(from_gray.data[i], std::min(255.0, std::floor(i + 25.5 * severity + 0.5))) << severity << " " << i;
      ASSERT_EQ(from_rgb.data[3 * i], from_gray.data[i]) << severity << " " << i;
    }
  }
}

TEST(Contrast, DrawsValuesToTheMeanOfTheirChannel) {
  const double factors[] = {.4, .3, .2, .1, .05};
  for (const int channels : {1, 3}) {
    const cv::Mat picture = scene(31, 29, channels);
    const cv::Scalar mean = cv::mean(picture);
    for (int severity = 1; severity <= 5; ++severity) {
      const cv::Mat dull = apply_operator("contrast", picture, severity);
      for (std::size_t i = 0; i < picture.total() * static_cast<std::size_t>(channels); ++i) {
        const double m = mean[static_cast<int>(i % static_cast<std::size_t>(channels))];
        ASSERT_NEAR(dull.data[i], m + (picture.data[i] - m) * factors[severity - 1], 0.501) << severity << " " << i;
      }
    }
  }
}

}  // namespace
}  // namespace automask::corruptions
