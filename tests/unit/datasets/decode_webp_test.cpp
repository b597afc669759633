// WebP, PGM and PPM.
#include <gtest/gtest.h>

#include "datasets/decode.h"
#include "tests/unit/core/throws.h"
#include "tests/unit/datasets/picture_bytes.h"

namespace automask::datasets {
namespace {

using testing::error_of;
using testing::largest_difference;
using testing::smooth;
using testing::webp_bytes;

core::Error fault(std::string_view bytes) {
  auto error = error_of([&] { decode_picture(bytes, "a/b.webp"); });
  EXPECT_EQ(error.code(), core::ExitCode::steps_failed);
  EXPECT_EQ(error.where(), "a/b.webp");
  EXPECT_FALSE(error.remedy().empty());
  return error;
}

TEST(DecodeWebp, ReadsLosslessAndLossy) {
  const cv::Mat rgb = smooth(37, 51, 3), rgba = smooth(37, 51, 4);
  EXPECT_EQ(largest_difference(decode_picture(webp_bytes(rgb), "x"), rgb), 0);
  EXPECT_LT(largest_difference(decode_picture(webp_bytes(rgb, 95), "x"), rgb), 16);
  // Alpha is dropped, not mixed in.
  cv::Mat opaque(37, 51, CV_8UC3);
  const int channels[] = {0, 0, 1, 1, 2, 2};
  cv::mixChannels(&rgba, 1, &opaque, 1, channels, 3);
  EXPECT_EQ(largest_difference(decode_picture(webp_bytes(rgba), "x"), opaque), 0);
}

TEST(DecodeWebp, RefusesAnimations) {
  const std::string still = webp_bytes(smooth(8, 10, 3));
  EXPECT_SAYS(fault(testing::animated_webp(still, 10, 8, 3)), "is an animation; keep one frame of it");
}

TEST(DecodeWebp, RefusesAFileCutAnywhere) {
  for (const float quality : {-1.0F, 60.0F}) {
    const std::string bytes = webp_bytes(smooth(37, 51, 3), quality);
    for (std::size_t size = 12; size < bytes.size(); ++size)
      ASSERT_PRED2(testing::contains, fault(std::string_view(bytes).substr(0, size)).what(), "is a truncated picture")
          << "cut to " << size << " of " << bytes.size();
  }
}

TEST(DecodeWebp, RefusesAHeaderWithoutAPicture) {
  std::string bytes = webp_bytes(smooth(8, 10, 3));
  bytes.replace(12, 4, "VP9 ");
  EXPECT_SAYS(fault(bytes), "cannot be decoded: its WebP");
  EXPECT_SAYS(fault(std::string("RIFF\4\0\0\0WEBP", 12)), "a/b.webp: ");
}

TEST(DecodePnm, ReadsWhatIsWritten) {
  for (const int channels : {1, 3}) {
    const cv::Mat picture = smooth(5, 7, channels);
    EXPECT_EQ(largest_difference(decode_picture(encode_pnm(picture), "x"), picture), 0);
  }
}

TEST(DecodePnm, ReadsHeadersOfOtherPrograms) {
  const std::string pixels = "abcdef";
  for (const char* header : {"P5\n3 2\n255\n", "P5 3 2 255 ", "P5\n# made by hand\n3 2\n255\n",
                             "P5\t3\r\n2 #two\n255\r", "P5#\n#\n 3\n2\n#\n255\n"}) {
    const cv::Mat picture = decode_picture(header + pixels, "x");
    ASSERT_EQ(picture.type(), CV_8UC1) << header;
    ASSERT_EQ(picture.rows, 2) << header;
    EXPECT_EQ(std::string(picture.ptr<char>(), 6), pixels) << header;
  }
  EXPECT_EQ(decode_picture("P6 1 2 255 " + pixels, "x").at<cv::Vec3b>(1, 0), cv::Vec3b('d', 'e', 'f'));
}

TEST(DecodePnm, RefusesWhatIsNone) {
  EXPECT_SAYS(fault("P5 3 2 255 abcde"), "is a truncated picture");
  EXPECT_SAYS(fault("P6 1 2 255 abcde"), "is a truncated picture");
  EXPECT_SAYS(fault("P5 3 2 255"), "is a truncated picture");
  EXPECT_SAYS(fault("P5 3"), "its PNM header is broken");
  EXPECT_SAYS(fault("P5"), "its PNM header is broken");
  EXPECT_SAYS(fault("P5 x 2 255 abcdef"), "its PNM header is broken");
  EXPECT_SAYS(fault("P5 -3 2 255 abcdef"), "its PNM header is broken");
  EXPECT_SAYS(fault("P5 99999999999 2 255 abcdef"), "its PNM header is broken");
  EXPECT_SAYS(fault("P5 # 3 2 255 abcdef"), "its PNM header is broken");
  EXPECT_SAYS(fault("P5 3 2 65535 abcdefabcdef"), "only PNM pictures of 8 bits are read");
  EXPECT_SAYS(fault("P5 0 2 255 "), "has no pixels");
  EXPECT_SAYS(fault("P5 4000000000 1 255 "), "pixels");
}

}  // namespace
}  // namespace automask::datasets
