// Random damage to valid files: the parser either gives an array that agrees with itself or throws core::Error.
#include <gtest/gtest.h>

#include "core/philox.h"
#include "datasets/idx.h"
#include "tests/unit/core/temporary_folder.h"
#include "tests/unit/core/throws.h"
#include "tests/unit/datasets/damage.h"
#include "tests/unit/datasets/idx_bytes.h"

namespace automask::datasets {
namespace {

TEST(FuzzIdx, ParsesOrThrowsItsError) {
  core::RandomStream random(0x1D8);
  const std::string images = testing::counting_images(7), labels = testing::counting_labels(7);
  const std::string wide = testing::idx_bytes(12, {3, 2}, std::string(24, 'i'));
  const std::vector<std::string> seeds = {images, labels, wide, testing::gzipped(images), testing::gzipped(wide)};
  const testing::TemporaryFolder folder;
  int parsed = 0, refused = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = testing::damaged(seeds[random.below(static_cast<std::uint32_t>(seeds.size()))], random, 24);
    if (random.below(8) == 0) bytes = testing::gzipped(bytes);  // damage inside a sound gzip file
    try {
      const IdxArray array = parse_idx(bytes, "fuzz");
      std::uint64_t values = 1;
      for (const std::uint32_t size : array.shape) values *= size;
      ASSERT_EQ(array.values.size(), values * (array.type == IdxType::u8 ? 1 : 4)) << "round " << round;
      if (round % 16 == 0) {
        testing::put(folder / "fuzz", bytes);
        const MappedIdx mapped = map_idx(folder / "fuzz");
        ASSERT_EQ(mapped.shape, array.shape) << "round " << round;
        ASSERT_TRUE(std::equal(mapped.values.begin(), mapped.values.end(), array.values.begin(), array.values.end()));
      }
      ++parsed;
    } catch (const core::Error& error) {
      ASSERT_EQ(error.code(), core::ExitCode::steps_failed);
      ASSERT_EQ(error.where(), "fuzz") << "round " << round;
      if (round % 16 == 0) {
        testing::put(folder / "fuzz", bytes);
        ASSERT_THROW(map_idx(folder / "fuzz"), core::Error) << "round " << round;
      }
      ++refused;
    }
  }
  EXPECT_GT(parsed, 100);
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace automask::datasets
