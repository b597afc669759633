// JPEG in all its forms, without a picture of another decoder: tests/peer compares with PIL bit for bit.
#include <gtest/gtest.h>

#include "datasets/decode.h"
#include "tests/unit/core/throws.h"
#include "tests/unit/datasets/picture_bytes.h"

namespace automask::datasets {
namespace {

using testing::error_of;
using testing::jpeg_bytes;
using testing::JpegForm;
using testing::largest_difference;
using testing::smooth;

// What four inks leave of white: PIL's convert("RGB"), by its formula in real numbers.
cv::Mat painted(const cv::Mat& cmyk) {
  cv::Mat rgb(cmyk.rows, cmyk.cols, CV_8UC3);
  for (int y = 0; y < cmyk.rows; ++y)
    for (int x = 0; x < cmyk.cols; ++x) {
      const auto& in = cmyk.at<cv::Vec4b>(y, x);
      for (int c = 0; c < 3; ++c)
        rgb.at<cv::Vec3b>(y, x)[c] = cv::saturate_cast<std::uint8_t>((255.0 - in[3]) * (255.0 - in[c]) / 255.0);
    }
  return rgb;
}

TEST(DecodeJpeg, ReadsGrayAndColourInEverySampling) {
  const cv::Mat rgb = smooth(45, 67, 3), gray = smooth(45, 67, 1);
  for (const bool progressive : {false, true}) {
    JpegForm form{.progressive = progressive};
    const cv::Mat from_gray = decode_picture(jpeg_bytes(gray, form), "x");
    ASSERT_EQ(from_gray.type(), CV_8UC1);
    EXPECT_LT(largest_difference(from_gray, gray), 5);
    for (const auto& [across, down] : std::vector<std::pair<int, int>>{{1, 1}, {2, 1}, {1, 2}, {2, 2}, {4, 1}}) {
      form.across = across;
      form.down = down;
      for (const int restart : {0, 1}) {
        form.restart_rows = restart;
        const cv::Mat from_rgb = decode_picture(jpeg_bytes(rgb, form), "x");
        ASSERT_EQ(from_rgb.type(), CV_8UC3);
        EXPECT_TRUE(from_rgb.isContinuous());
        EXPECT_LT(largest_difference(from_rgb, rgb), 14)
            << across << " x " << down << (progressive ? " progressive" : "");
      }
    }
    form.ycc = false;
    EXPECT_LT(largest_difference(decode_picture(jpeg_bytes(rgb, form), "x"), rgb), 5) << "components are R, G and B";
  }
}

TEST(DecodeJpeg, PaintsInksAsPilDoes) {
  // Adobe's programs store 255 - ink, and PIL takes all CMYK JPEGs for theirs, with the marker or without.
  const cv::Mat stored = smooth(48, 64, 4);
  const cv::Mat expected = painted(cv::Scalar::all(255) - stored);
  for (const bool ycck : {false, true})
    for (const bool progressive : {false, true})
      for (const bool marked : {true, false}) {
        if (ycck && !marked) continue;  // without the marker nothing tells YCCK from CMYK
        const JpegForm form{.progressive = progressive, .across = 1, .down = 1, .ycc = ycck, .adobe_marker = marked};
        const cv::Mat rgb = decode_picture(jpeg_bytes(stored, form), "x");
        ASSERT_EQ(rgb.type(), CV_8UC3);
        EXPECT_LT(largest_difference(rgb, expected), 8) << ycck << progressive << marked;
      }
}

TEST(DecodeJpeg, SizesThatAreNoMultipleOfABlock) {
  for (const auto& [rows, cols] : std::vector<std::pair<int, int>>{{1, 1}, {1, 17}, {33, 1}, {7, 9}, {16, 31}}) {
    const cv::Mat rgb = decode_picture(jpeg_bytes(smooth(rows, cols, 3)), "x");
    EXPECT_EQ(rgb.rows, rows);
    EXPECT_EQ(rgb.cols, cols);
  }
}

// Every length but those that lack only the end mark: the decoder would paint what is missing gray.
TEST(DecodeJpeg, RefusesAFileCutAnywhere) {
  std::vector<std::string> whole;
  for (const bool progressive : {false, true}) {
    JpegForm form{.progressive = progressive};
    whole.push_back(jpeg_bytes(smooth(32, 48, 3), form));
    form.restart_rows = 1;
    whole.push_back(jpeg_bytes(smooth(32, 48, 3), form));
    whole.push_back(jpeg_bytes(smooth(32, 48, 1), form));
    whole.push_back(jpeg_bytes(smooth(32, 48, 4), form));
  }
  for (std::size_t w = 0; w < whole.size(); ++w) {
    const std::string& bytes = whole[w];
    for (std::size_t size = 2; size + 2 < bytes.size(); ++size) {
      const auto error = error_of([&] { decode_picture(std::string_view(bytes).substr(0, size), "a/b.jpg"); });
      ASSERT_EQ(error.what(), std::string("a/b.jpg: is a truncated picture; replace or remove this picture"))
          << "picture " << w << " cut to " << size << " of " << bytes.size();
    }
  }
}

TEST(DecodeJpeg, TakesABaselinePictureWithoutItsEndMark) {
  // All rows are there, and PIL takes it, too. Where there are several scans the last may be missing.
  for (const bool progressive : {false, true}) {
    const std::string bytes = jpeg_bytes(smooth(32, 48, 3), {.progressive = progressive});
    for (const std::size_t cut : {1, 2}) {
      const std::string_view most = std::string_view(bytes).substr(0, bytes.size() - cut);
      if (progressive) {
        EXPECT_SAYS(error_of([&] { decode_picture(most, "x"); }), "x: is a truncated picture");
      } else {
        EXPECT_EQ(largest_difference(decode_picture(most, "x"), decode_picture(bytes, "x")), 0);
      }
    }
    EXPECT_EQ(largest_difference(decode_picture(bytes + "trailing", "x"), decode_picture(bytes, "x")), 0);
  }
}

TEST(DecodeJpeg, NamesWhatLibjpegSays) {
  const auto fault = [](const std::string& bytes) { return error_of([&] { decode_picture(bytes, "x.jpg"); }); };
  std::string bytes = jpeg_bytes(smooth(16, 16, 3));
  const std::size_t frame = bytes.find("\xff\xc0");
  ASSERT_NE(frame, bytes.npos);
  std::string twelve = bytes;
  twelve[frame + 4] = 12;
  EXPECT_SAYS(fault(twelve), "x.jpg: cannot be decoded: Unsupported JPEG data precision 12");
  std::string arithmetic = bytes;
  arithmetic[frame + 1] = '\xcb';  // lossless: not in libjpeg-turbo 2
  EXPECT_SAYS(fault(arithmetic), "x.jpg: cannot be decoded: Unsupported JPEG process");
  std::string flat = bytes;
  flat[frame + 5] = flat[frame + 6] = 0;  // no rows
  EXPECT_SAYS(fault(flat), "x.jpg: cannot be decoded: Empty JPEG image");
  std::string tables = bytes;
  tables.erase(tables.find("\xff\xdb"), 2 + 67);
  EXPECT_SAYS(fault(tables), "x.jpg: cannot be decoded: Quantization table");
}

}  // namespace
}  // namespace automask::datasets
