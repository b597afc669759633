// The codec against OpenCV's: the same bytes, the same pixels.
#include <gtest/gtest.h>

#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "core/error.h"
#include "tests/unit/core/throws.h"
#include "tests/unit/corruptions/pictures.h"

namespace automask::corruptions {
namespace {

using testing::apply_operator;
using testing::difference;
using testing::scene;

void expect_same_as_opencv(const cv::Mat& picture, int quality) {
  cv::Mat bgr = picture.clone();
  if (picture.channels() == 3) cv::cvtColor(picture, bgr, cv::COLOR_RGB2BGR);
  std::vector<std::uint8_t> bytes;
  cv::imencode(".jpg", bgr, bytes, {cv::IMWRITE_JPEG_QUALITY, quality});
  cv::Mat decoded = cv::imdecode(bytes, cv::IMREAD_UNCHANGED);
  if (picture.channels() == 3) cv::cvtColor(decoded, decoded, cv::COLOR_BGR2RGB);
  std::int64_t size = 0;
  const cv::Mat result = apply_operator("jpeg", picture, quality, 1, &size);
  ASSERT_EQ(size, static_cast<std::int64_t>(bytes.size())) << picture.size() << " q" << quality;
  ASSERT_EQ(result.type(), picture.type());
  ASSERT_EQ(difference(result, decoded), 0) << picture.size() << " q" << quality;
}

TEST(Jpeg, EqualsOpenCv) {
  for (const int channels : {1, 3})
    for (const cv::Size size :
         {cv::Size(28, 28), cv::Size(1, 1), cv::Size(17, 33), cv::Size(200, 100), cv::Size(3, 64)})
      for (const int quality : {1, 7, 30, 50, 85, 100})
        expect_same_as_opencv(scene(size.height, size.width, channels), quality);
}

TEST(Jpeg, GrowsItsBufferForLargeNoise) {
  cv::Mat noise(300, 300, CV_8UC3);
  core::RandomStream random(3);
  for (std::size_t i = 0; i < noise.total() * 3; ++i) noise.data[i] = static_cast<std::uint8_t>(random.next());
  expect_same_as_opencv(noise, 100);
  expect_same_as_opencv(scene(28, 28, 1), 30);  // and goes on with small ones
}

// What OpenCV can write besides: progressive scans.
TEST(Jpeg, ProgressiveEqualsOpenCvAndLeavesBaselineAlone) {
  const cv::Mat picture = scene(70, 90, 3);
  cv::Mat bgr;
  cv::cvtColor(picture, bgr, cv::COLOR_RGB2BGR);
  std::vector<std::uint8_t> bytes;
  cv::imencode(".jpg", bgr, bytes, {cv::IMWRITE_JPEG_QUALITY, 40, cv::IMWRITE_JPEG_PROGRESSIVE, 1});
  std::int64_t progressive = 0, baseline = 0;
  const cv::Mat same = apply_operator("jpeg", picture, 40, 1, &baseline);
  const cv::Mat result = apply_operator("jpeg", picture, 40, 1, &progressive, 0, {"progressive"});
  EXPECT_EQ(progressive, static_cast<std::int64_t>(bytes.size()));
  EXPECT_NE(progressive, baseline);
  EXPECT_EQ(difference(result, same), 0);  // only the order of the coefficients differs
  expect_same_as_opencv(picture, 40);
}

TEST(Jpeg, ChromaSubsamplingIsChosen) {
  // Vertical stripes one pixel wide: 4:4:4 keeps their colour, 4:2:2 and 4:2:0 lose it; horizontal ones tell those two.
  cv::Mat upright(32, 32, CV_8UC3), lying(32, 32, CV_8UC3);
  for (int y = 0; y < 32; ++y)
    for (int x = 0; x < 32; ++x) {
      const cv::Vec3b red(180, 60, 60), blue(60, 60, 180);
      upright.at<cv::Vec3b>(y, x) = x % 2 == 0 ? red : blue;
      lying.at<cv::Vec3b>(y, x) = y % 2 == 0 ? red : blue;
    }
  const auto error = [](const cv::Mat& picture, const std::vector<std::string>& options) {
    return difference(apply_operator("jpeg", picture, 95, 1, nullptr, 0, options), picture);
  };
  EXPECT_LT(error(upright, {"444"}), 15);
  EXPECT_GT(error(upright, {"422"}), 40);
  EXPECT_GT(error(upright, {}), 40);
  EXPECT_LT(error(lying, {"422"}), 15);
  EXPECT_GT(error(lying, {}), 40);
  EXPECT_EQ(error(lying, {}), error(lying, {"420"}));
  for (const char* chroma : {"444", "422"})  // gray pictures have no chroma to sample
    EXPECT_EQ(difference(apply_operator("jpeg", scene(20, 20, 1), 50, 1, nullptr, 0, {chroma}),
                         apply_operator("jpeg", scene(20, 20, 1), 50)),
              0);
}

TEST(Jpeg, LowerQualityIsSmallerAndWorse) {
  const cv::Mat picture = scene(64, 64, 3);
  std::int64_t before = 0;
  double error_before = 1e9;
  for (const int quality : {5, 30, 90}) {
    std::int64_t size = 0;
    const double error = cv::norm(apply_operator("jpeg", picture, quality, 1, &size), picture, cv::NORM_L2);
    EXPECT_GT(size, before);
    EXPECT_LT(error, error_before);
    before = size;
    error_before = error;
  }
}

TEST(Jpeg, SaysWhenAPictureIsTooLarge) {
  const cv::Mat wide(1, 70000, CV_8UC1, cv::Scalar(3));
  const auto error = testing::error_of([&] { apply_operator("jpeg", wide, 50); });
  EXPECT_EQ(error.code(), core::ExitCode::steps_failed);
  EXPECT_SAYS(error, "jpeg:q50: a picture of 70000 x 1 cannot be coded");
  expect_same_as_opencv(scene(28, 28, 3), 30);  // the codec survives its failure
}

}  // namespace
}  // namespace automask::corruptions
