#include "datasets/dataset.h"
#include "datasets/decode.h"

#include <gtest/gtest.h>

#include <opencv2/imgcodecs.hpp>

#include "tests/unit/core/temporary_folder.h"
#include "tests/unit/core/throws.h"
#include "tests/unit/datasets/idx_bytes.h"

namespace automask::datasets {
namespace {

using core::ExitCode;
using testing::error_of;
using testing::put;
using testing::TemporaryFolder;

// Smooth, so that JPEG keeps it within a few levels; red rises to the right, green downwards, blue stays.
cv::Mat gradient(int rows, int cols) {
  cv::Mat rgb(rows, cols, CV_8UC3);
  for (int y = 0; y < rows; ++y)
    for (int x = 0; x < cols; ++x)
      rgb.at<cv::Vec3b>(y, x) =
          cv::Vec3b(static_cast<std::uint8_t>(255 * x / cols), static_cast<std::uint8_t>(255 * y / rows), 40);
  return rgb;
}

std::string encoded(const std::string& extension, const cv::Mat& rgb_or_gray) {
  cv::Mat bgr = rgb_or_gray.clone();
  if (bgr.channels() == 3)
    for (auto& pixel : cv::Mat_<cv::Vec3b>(bgr)) std::swap(pixel[0], pixel[2]);
  std::vector<std::uint8_t> bytes;
  cv::imencode(extension, bgr, bytes, {cv::IMWRITE_JPEG_QUALITY, 95});
  return {bytes.begin(), bytes.end()};
}

double largest_difference(const cv::Mat& a, const cv::Mat& b) { return cv::norm(a, b, cv::NORM_INF); }

TEST(DecodePicture, GivesRgbInOrder) {
  const cv::Mat rgb = gradient(40, 60);
  EXPECT_EQ(largest_difference(decode_picture(encoded(".png", rgb), "x"), rgb), 0);
  const cv::Mat from_jpeg = decode_picture(encoded(".jpg", rgb), "x");
  ASSERT_EQ(from_jpeg.type(), CV_8UC3);
  EXPECT_LT(largest_difference(from_jpeg, rgb), 12);
}

TEST(DecodePicture, KeepsGrayAndDropsAlphaAndDepth) {
  cv::Mat gray;
  cv::extractChannel(gradient(16, 16), gray, 0);
  EXPECT_EQ(decode_picture(encoded(".png", gray), "x").type(), CV_8UC1);
  EXPECT_EQ(decode_picture(encoded(".jpg", gray), "x").type(), CV_8UC1);
  cv::Mat alpha(4, 4, CV_8UC4, cv::Scalar(10, 20, 30, 0));
  const cv::Mat opaque = decode_picture(encoded(".png", alpha), "x");
  ASSERT_EQ(opaque.type(), CV_8UC3);
  EXPECT_EQ(opaque.at<cv::Vec3b>(1, 1), cv::Vec3b(30, 20, 10));
  const cv::Mat deep(4, 4, CV_16UC1, cv::Scalar(0xABCD));
  const cv::Mat shallow = decode_picture(encoded(".png", deep), "x");
  ASSERT_EQ(shallow.type(), CV_8UC1);
  EXPECT_NEAR(shallow.at<std::uint8_t>(0, 0), 0xAB, 1);
}

// APP1 with the minimal EXIF block that says "rotate by 90 degrees", as cameras write it.
std::string with_orientation(const std::string& jpeg) {
  const std::string exif(
      "\xff\xe1\x00\x22"
      "Exif\0\0"
      "II\x2a\0\x08\0\0\0"
      "\x01\0"
      "\x12\x01\x03\0\x01\0\0\0\x06\0\0\0"
      "\0\0\0\0",
      36);
  return jpeg.substr(0, 2) + exif + jpeg.substr(2);
}

TEST(DecodePicture, LeavesTheOrientationAsStored) {
  const std::string turned = with_orientation(encoded(".jpg", gradient(20, 30)));
  const cv::Mat raw(1, static_cast<int>(turned.size()), CV_8UC1, const_cast<char*>(turned.data()));
  ASSERT_EQ(cv::imdecode(raw, cv::IMREAD_COLOR).rows, 30) << "the EXIF block of this test is not understood";
  EXPECT_EQ(decode_picture(turned, "x").rows, 20);
}

TEST(DecodePicture, RefusesBrokenPictures) {
  const auto fault = [](const std::string& bytes) {
    const auto error = error_of([&] { decode_picture(bytes, "a/b.jpg"); });
    EXPECT_EQ(error.code(), ExitCode::steps_failed);
    EXPECT_EQ(error.where(), "a/b.jpg");
    EXPECT_FALSE(error.remedy().empty());
    return error;
  };
  const cv::Mat rgb = gradient(64, 64);
  const std::string jpeg = encoded(".jpg", rgb), png = encoded(".png", rgb);
  EXPECT_SAYS(fault(""), "is empty");
  EXPECT_SAYS(fault("GIF89a"), "is a GIF picture, which is not read; convert it");
  for (const auto& whole : {jpeg, png})
    for (const double part : {0.02, 0.1, 0.5, 0.9, 0.99})
      EXPECT_SAYS(fault(whole.substr(0, static_cast<std::size_t>(part * static_cast<double>(whole.size())))),
                  "truncated");
  fault(png.substr(0, png.size() - 2));  // cut inside the check sum of its last chunk
  std::string damaged = png;
  damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 0x55);
  EXPECT_SAYS(fault(damaged), "cannot be decoded");
  // A whole thumbnail inside does not make a picture whole.
  const std::string cut =
      jpeg.substr(0, 2) + std::string("\xff\xe1\x00\x08 \xff\xd9   ", 10) + jpeg.substr(2, jpeg.size() - 12);
  EXPECT_SAYS(fault(cut), "truncated");
}

class ImageFolderTest : public ::testing::Test {
 protected:
  ImageFolderTest() {
    spec_.name = "pets";
    spec_.reader = "image_folder";
    spec_.root = folder_.path();
    spec_.height = spec_.width = 8;
    spec_.channels = 3;
    put(folder_ / "train/cat/1.jpg", encoded(".jpg", gradient(20, 30)));
    put(folder_ / "train/cat/2.png", encoded(".png", gradient(8, 8)));
    put(folder_ / "train/dog/1.JPEG", encoded(".png", gradient(30, 20)));  // mislabelled, as one in ImageNet is
    put(folder_ / "val/dog/9.png", encoded(".png", gradient(10, 10)));
  }
  TemporaryFolder folder_;
  DatasetSpec spec_;
};

TEST_F(ImageFolderTest, GivesPicturesLabelsIdsAndClasses) {
  const auto train = open(spec_, Split::train);
  ASSERT_EQ(train->size(), 3u);
  EXPECT_EQ(train->id(0), "train/cat/1.jpg");
  EXPECT_EQ(train->id(2), "train/dog/1.JPEG");
  EXPECT_EQ(train->label(1), 0);
  EXPECT_EQ(train->label(2), 1);
  EXPECT_EQ(train->classes(), (std::vector<std::string>{"cat", "dog"}));
  EXPECT_EQ(largest_difference(train->picture(1), gradient(8, 8)), 0);
  // Labels agree over splits although the test split lacks a class.
  const auto test = open(spec_, Split::test);
  ASSERT_EQ(test->size(), 1u);
  EXPECT_EQ(test->label(0), 1);
  EXPECT_EQ(test->classes(), train->classes());
}

TEST_F(ImageFolderTest, LoadsAtTheInputSize) {
  const PictureSet set = load(*open(spec_, Split::train), spec_, 2);
  ASSERT_EQ(set.size(), 3u);
  EXPECT_EQ(set.pixels.size(), 3u * 8 * 8 * 3);
  // Landscape and portrait are cut to their middle: red or green spans less than its whole range.
  EXPECT_GT(set.picture(0)[0], 30);
  EXPECT_GT(set.picture(2)[1], 30);
}

TEST_F(ImageFolderTest, NamesClassesThatDontMatch) {
  put(folder_ / "val/emu/1.png", encoded(".png", gradient(8, 8)));
  const auto error = error_of([&] { open(spec_, Split::test); });
  EXPECT_EQ(error.code(), ExitCode::invalid_manifest);
  EXPECT_SAYS(error, "val/emu: is no known class; keep the same class folders in every split");
  spec_.classes = {"Katze"};
  EXPECT_SAYS(error_of([&] { open(spec_, Split::train); }), "has 2 classes, but 1 names are given");
  spec_.classes = {"Katze", "Hund"};
  EXPECT_EQ(open(spec_, Split::train)->classes()[1], "Hund");
}

TEST_F(ImageFolderTest, NamesABrokenPictureWhileLoading) {
  put(folder_ / "train/cat/3.jpg", "no picture");
  const auto error = error_of([&] { load(*open(spec_, Split::train), spec_, 2); });
  EXPECT_EQ(error.code(), ExitCode::steps_failed);
  EXPECT_SAYS(error, (folder_ / "train/cat/3.jpg").string());
}

}  // namespace
}  // namespace automask::datasets
