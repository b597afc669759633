// PNG of every colour type and depth, plain and interlaced, against the samples that were written.
#include <gtest/gtest.h>

#include <functional>

#include "datasets/decode.h"
#include "tests/unit/core/throws.h"
#include "tests/unit/datasets/picture_bytes.h"

namespace automask::datasets {
namespace {

using testing::error_of;
using testing::largest_difference;
using testing::png_bytes;
using testing::PngForm;

constexpr int rows = 11, cols = 13;

// Every value of the depth, wildly.
std::vector<int> samples(int channels, int depth) {
  std::vector<int> all;
  for (int i = 0; i < rows * cols * channels; ++i) all.push_back((i * 40503 + i / 7 * 12345) & ((1 << depth) - 1));
  return all;
}

std::uint8_t eight_bits(int sample, int depth) {
  if (depth == 16) return static_cast<std::uint8_t>(sample >> 8);
  return static_cast<std::uint8_t>(sample * 255 / ((1 << depth) - 1));
}

void expect_pixels(const std::string& bytes, int channels, const std::function<int(int y, int x, int c)>& expected) {
  const cv::Mat picture = decode_picture(bytes, "x");
  ASSERT_EQ(picture.type(), CV_8UC(channels));
  ASSERT_EQ(picture.rows, rows);
  ASSERT_EQ(picture.cols, cols);
  for (int y = 0; y < rows; ++y)
    for (int x = 0; x < cols; ++x)
      for (int c = 0; c < channels; ++c)
        ASSERT_EQ(picture.ptr(y)[x * channels + c], expected(y, x, c)) << x << ", " << y << ", channel " << c;
}

TEST(DecodePng, ReadsEveryColourTypeAndDepth) {
  struct Kind {
    int colour, stored, shown;
    std::vector<int> depths;
  };
  const std::vector<Kind> kinds = {
      {0, 1, 1, {1, 2, 4, 8, 16}}, {2, 3, 3, {8, 16}}, {4, 2, 1, {8, 16}}, {6, 4, 3, {8, 16}}};
  for (const Kind& kind : kinds)
    for (const int depth : kind.depths)
      for (const bool interlaced : {false, true}) {
        SCOPED_TRACE("colour " + std::to_string(kind.colour) + " depth " + std::to_string(depth) +
                     (interlaced ? " interlaced" : ""));
        const auto stored = samples(kind.stored, depth);
        const std::string bytes = png_bytes(rows, cols, stored, {kind.colour, depth, interlaced, "", ""});
        expect_pixels(bytes, kind.shown, [&](int y, int x, int c) {
          return eight_bits(stored[static_cast<std::size_t>((y * cols + x) * kind.stored + c)], depth);
        });
      }
}

TEST(DecodePng, ReadsPalettesWithAndWithoutTransparency) {
  for (const int depth : {1, 2, 4, 8})
    for (const bool interlaced : {false, true})
      for (const char* transparency : {"", "\x01\x80"}) {
        SCOPED_TRACE("depth " + std::to_string(depth) + " transparency " + std::to_string(*transparency));
        const auto stored = samples(1, depth);
        std::string palette;
        for (int i = 0; i < 3 << depth; ++i) palette.push_back(static_cast<char>(i * 91 + 7));
        const std::string bytes = png_bytes(rows, cols, stored, {3, depth, interlaced, palette, transparency});
        expect_pixels(bytes, 3, [&](int y, int x, int c) {
          const int entry = stored[static_cast<std::size_t>(y * cols + x)];
          return static_cast<std::uint8_t>(palette[static_cast<std::size_t>(3 * entry + c)]);
        });
      }
}

TEST(DecodePng, DropsATransparentColourAndGamma) {
  const auto stored = samples(3, 8);
  const std::string plain = png_bytes(rows, cols, stored, {});
  // The first pixel's colour is named the transparent one.
  std::string colour;
  for (int c = 0; c < 3; ++c) colour += {'\0', static_cast<char>(stored[static_cast<std::size_t>(c)])};
  const std::string see_through = png_bytes(rows, cols, stored, {2, 8, false, "", colour});
  const cv::Mat expected = decode_picture(plain, "x");
  EXPECT_EQ(largest_difference(decode_picture(see_through, "x"), expected), 0);
  const std::string gray = png_bytes(rows, cols, samples(1, 8), {0, 8, false, "", std::string("\0\5", 2)});
  EXPECT_EQ(decode_picture(gray, "x").type(), CV_8UC1);
  const std::string gamma = testing::with_png_chunk(plain, "gAMA", std::string("\0\1\x86\xa0", 4));
  EXPECT_EQ(largest_difference(decode_picture(gamma, "x"), expected), 0);
}

TEST(DecodePng, RefusesAnimations) {
  const std::string plain = png_bytes(rows, cols, samples(3, 8), {});
  const auto control = [](char frames) { return std::string("\0\0\0", 3) + frames + std::string(4, '\0'); };
  EXPECT_SAYS(error_of([&] { decode_picture(testing::with_png_chunk(plain, "acTL", control(2)), "a.png"); }),
              "a.png: is an animation; keep one frame of it as PNG, JPEG or WebP");
  EXPECT_EQ(decode_picture(testing::with_png_chunk(plain, "acTL", control(1)), "a.png").rows, rows)
      << "one frame is still";
}

TEST(DecodePng, RefusesAFileCutAnywhere) {
  for (const bool interlaced : {false, true}) {
    const std::string bytes = png_bytes(rows, cols, samples(3, 8), {2, 8, interlaced, "", ""});
    for (std::size_t size = 8; size < bytes.size(); ++size) {
      const auto error = error_of([&] { decode_picture(std::string_view(bytes).substr(0, size), "a.png"); });
      ASSERT_EQ(error.what(), std::string("a.png: is a truncated picture; replace or remove this picture"))
          << "cut to " << size << " of " << bytes.size();
    }
  }
}

TEST(DecodePng, RefusesDamageThatACheckSumTells) {
  const std::string bytes = png_bytes(rows, cols, samples(3, 8), {});
  const std::size_t header = bytes.find("IHDR"), data = bytes.find("IDAT");
  for (const std::size_t at : {header + 6, data + 20}) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    EXPECT_SAYS(error_of([&] { decode_picture(damaged, "a.png"); }), "a.png: cannot be decoded: ");
  }
}

}  // namespace
}  // namespace automask::datasets
