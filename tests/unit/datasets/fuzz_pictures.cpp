// Random damage to pictures: a picture or core::Error, never a crash, in bounded time and memory.
#include <gtest/gtest.h>

#include "datasets/decode.h"
#include "tests/unit/core/throws.h"
#include "tests/unit/datasets/damage.h"
#include "tests/unit/datasets/picture_bytes.h"

namespace automask::datasets {
namespace {

using testing::jpeg_bytes;
using testing::png_bytes;
using testing::smooth;
using testing::webp_bytes;

// `mend` is done to every second file, so that check sums don't stop all damage at the door.
void fuzz(const std::vector<std::string>& seeds, std::uint64_t seed, int rounds, std::uint32_t header,
          std::string (*mend)(std::string) = nullptr) {
  core::RandomStream random(seed);
  int decoded = 0, refused = 0;
  for (int round = 0; round < rounds; ++round) {
    std::string bytes = testing::damaged(seeds[random.below(static_cast<std::uint32_t>(seeds.size()))], random, header);
    if (mend != nullptr && round % 2 == 0) bytes = mend(bytes);
    try {
      const cv::Mat picture = decode_picture(bytes, "fuzz", {.max_pixels = 1 << 16});
      ASSERT_TRUE(picture.type() == CV_8UC1 || picture.type() == CV_8UC3) << "round " << round;
      ASSERT_GT(picture.total(), 0U);
      ASSERT_LE(picture.total(), 1U << 16);
      ++decoded;
    } catch (const core::Error& error) {
      ASSERT_EQ(error.code(), core::ExitCode::steps_failed);
      ASSERT_EQ(error.where(), "fuzz");
      ASSERT_FALSE(error.remedy().empty());
      ++refused;
    }
  }
  EXPECT_GT(decoded, rounds / 200) << "the damage is too heavy to get anywhere";
  EXPECT_GT(refused, rounds / 20);
}

TEST(FuzzPictures, Jpeg) {
  std::vector<std::string> seeds;
  for (const bool progressive : {false, true})
    for (const int restart : {0, 1})
      for (const int channels : {1, 3, 4})
        seeds.push_back(jpeg_bytes(smooth(19, 27, channels), {.progressive = progressive, .restart_rows = restart}));
  fuzz(seeds, 0xD8, 6000, 200);
}

TEST(FuzzPictures, Png) {
  std::vector<std::string> seeds;
  for (const bool interlaced : {false, true}) {
    seeds.push_back(png_bytes(9, 7, std::vector<int>(9 * 7 * 3, 77), {2, 8, interlaced, "", ""}));
    seeds.push_back(png_bytes(9, 7, std::vector<int>(9 * 7 * 4, 7777), {6, 16, interlaced, "", ""}));
    seeds.push_back(png_bytes(9, 7, std::vector<int>(9 * 7, 1), {3, 2, interlaced, "abcdefghijkl", "\x01"}));
  }
  seeds.push_back(testing::with_png_chunk(seeds[0], "acTL", std::string("\0\0\0\1\0\0\0\0", 8)));
  fuzz(seeds, 0x89, 6000, 60, testing::with_png_sums);
}

TEST(FuzzPictures, Webp) {
  const cv::Mat rgb = smooth(19, 27, 3);
  fuzz({webp_bytes(rgb), webp_bytes(rgb, 50), webp_bytes(smooth(19, 27, 4), 50),
        testing::animated_webp(webp_bytes(rgb), 27, 19, 2)},
       0x3B, 6000, 60);
}

TEST(FuzzPictures, Pnm) {
  fuzz({encode_pnm(smooth(5, 4, 1)), encode_pnm(smooth(5, 4, 3)), "P5\n# made by hand\n 3 2\t255\nabcdef"}, 0x50, 6000,
       14);
}

}  // namespace
}  // namespace automask::datasets
