// Files that are no picture, or claim to be one that fills the memory.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <fstream>

#include "datasets/decode.h"
#include "tests/unit/core/throws.h"
#include "tests/unit/datasets/picture_bytes.h"

namespace automask::datasets {
namespace {

using testing::error_of;
using testing::jpeg_bytes;
using testing::png_bytes;
using testing::smooth;
using testing::webp_bytes;

core::Error fault(std::string_view bytes, const DecodeOptions& options = {}) {
  auto error = error_of([&] { decode_picture(bytes, "a/b.JPEG", options); });
  EXPECT_EQ(error.code(), core::ExitCode::steps_failed);
  EXPECT_EQ(error.where(), "a/b.JPEG");
  EXPECT_FALSE(error.remedy().empty());
  return error;
}

TEST(DecodeLimits, TellsFormatsByContent) {
  const cv::Mat rgb = smooth(20, 30, 3);
  const std::vector<int> samples(20 * 30 * 3, 7);
  for (const std::string& bytes : {png_bytes(20, 30, samples, {}), webp_bytes(rgb), encode_pnm(rgb), jpeg_bytes(rgb)})
    EXPECT_EQ(decode_picture(bytes, "one of ImageNet's is a PNG.JPEG").cols, 30);
}

TEST(DecodeLimits, RefusesOtherFormatsByName) {
  using std::string_literals::operator""s;
  EXPECT_SAYS(fault(""), "a/b.JPEG: is empty");
  EXPECT_SAYS(fault("GIF87a\1\0\1\0"s), "is a GIF picture, which is not read; convert it to PNG, JPEG or WebP");
  EXPECT_SAYS(fault("BM\x46\0\0\0"s), "is a BMP picture, which is not read");
  EXPECT_SAYS(fault("II*\0\x08\0\0\0"s), "is a TIFF picture, which is not read");
  EXPECT_SAYS(fault("MM\0*\0\0\0\x08"s), "is a TIFF picture, which is not read");
  EXPECT_SAYS(fault("\0\0\0\x1c"s + "ftypavif"), "is an AVIF or HEIC picture, which is not read");
  EXPECT_SAYS(fault("\0\0\0\x0cjP  \r\n\x87\n"s), "is a JPEG 2000 picture, which is not read");
  for (const std::string& bytes :
       {"<!DOCTYPE html><title>404</title>"s, "x"s, "\0"s, std::string(5000, '\0'), "P4 8 1 x"s, "\x89PNG"s,
        "RIFF\4\0\0\0WAVE"s, "\xff"s, "version https://git-lfs.github.com/spec/v1"s})
    EXPECT_SAYS(fault(bytes), "is no JPEG, PNG, WebP or PNM picture; replace or remove this picture");
}

std::string big(std::uint32_t value, int bytes) {
  std::string text;
  for (int i = bytes - 1; i >= 0; --i) text.push_back(static_cast<char>(value >> (8 * i) & 0xFF));
  return text;
}

// Small files whose headers claim cols x rows.
std::vector<std::string> claims(std::uint32_t cols, std::uint32_t rows) {
  std::vector<std::string> all;
  for (const bool progressive : {false, true}) {
    std::string jpeg = jpeg_bytes(smooth(16, 16, 3), {.progressive = progressive});
    jpeg.replace(jpeg.find(progressive ? "\xff\xc2" : "\xff\xc0") + 5, 4, big(rows, 2) + big(cols, 2));
    all.push_back(jpeg);
  }
  for (const bool interlaced : {false, true}) {
    // Only the header: its check sum must be right.
    std::string png = png_bytes(1, 1, {1, 2, 3}, {2, 8, interlaced, "", ""});
    const std::string body =
        "IHDR" + big(cols, 4) + big(rows, 4) + std::string("\x08\x02\0\0", 4) + (interlaced ? '\1' : '\0');
    png = testing::with_png_chunk(png, body.substr(0, 4), body.substr(4));
    png.erase(8, 25);
    all.push_back(png);
  }
  all.push_back("P6 " + std::to_string(cols) + " " + std::to_string(rows) + " 255\nxyz");
  return all;
}

TEST(DecodeLimits, RefusesTooManyPixelsByName) {
  for (const std::string& bytes : claims(20000, 20000))
    EXPECT_SAYS(fault(bytes),
                "has 20000 x 20000 pixels, more than the limit of 178956970; scale it down, or raise the limit");
  // WebP's sides have 14 bits, less one.
  std::string webp = webp_bytes(smooth(16, 16, 3));
  const std::size_t sizes = webp.find("VP8L") + 9;
  webp.replace(sizes, 4, "\xff\xff\xff\x0f");
  EXPECT_SAYS(fault(webp), "has 16384 x 16384 pixels, more than the limit of 178956970");
  for (const std::string& bytes : claims(30, 20)) {
    EXPECT_SAYS(fault(bytes, {.max_pixels = 599}), "has 30 x 20 pixels, more than the limit of 599");
    try {
      decode_picture(bytes, "x", {.max_pixels = 600});
    } catch (const core::Error& error) {
      EXPECT_FALSE(testing::contains(error.what(), "limit")) << error.what();
    }
  }
}

// In a process of its own that may take 64 MiB more than it has: status 0 when the sentence came, 3 when memory ended.
[[noreturn]] void decode_in_little_memory(const DecodeOptions& options) {
  std::uint64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  const rlim_t most = pages * 4096 + (64 << 20);
  const rlimit limit{most, most};
  setrlimit(RLIMIT_AS, &limit);
  try {
    auto all = claims(20000, 20000);
    for (const std::string& bytes : claims(0x7fffffff, 1))  // a row alone would be 6 GiB
      if (bytes.starts_with("\x89PNG") || bytes.starts_with("P6")) all.push_back(bytes);
    for (const std::string& bytes : all) try {
        decode_picture(bytes, "x", options);
      } catch (const core::Error& error) {
        if (!testing::contains(error.what(), "more than the limit")) std::_Exit(2);
      }
  } catch (const std::exception&) {
    std::_Exit(3);
  }
  std::_Exit(0);
}

TEST(DecodeLimits, RefusesBeforeMemoryIsTaken) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the address sanitizer takes address space of its own";
#endif
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(decode_in_little_memory({}), ::testing::ExitedWithCode(0), "");
  EXPECT_EXIT(decode_in_little_memory({.max_pixels = 1'000'000'000}), ::testing::ExitedWithCode(3), "")
      << "this test does not see memory being taken";
}

}  // namespace
}  // namespace automask::datasets
