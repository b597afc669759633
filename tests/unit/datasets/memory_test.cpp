// What a source keeps in memory: its index, some 200 bytes a picture.
#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/stat.h>

#include <cstdio>

#include "datasets/source.h"
#include "tests/unit/core/temporary_folder.h"
#include "tests/unit/datasets/idx_bytes.h"
#include "tests/unit/datasets/tar_bytes.h"

namespace automask::datasets {
namespace {

constexpr int classes = 50;

// As long as ImageNet-C's: "gaussian_noise/1/n01440764/ILSVRC2012_val_00000293.JPEG".
std::string name_of(int i) {
  char name[64];
  std::snprintf(name, sizeof name, "n%08d/ILSVRC2012_val_%08d.JPEG", i % classes, i);
  return name;
}

std::size_t bytes_in_use() {
  const struct mallinfo2 facts = mallinfo2();
  return facts.uordblks + facts.hblkhd;
}

double bytes_a_picture(const std::string& location, int pictures, const SourceOptions& options = {}) {
  const std::size_t before = bytes_in_use();
  const auto source = open_source(location, options);
  EXPECT_EQ(source->size(), static_cast<std::size_t>(pictures));
  EXPECT_EQ(source->classes().size(), static_cast<std::size_t>(classes));
  const double bytes = static_cast<double>(bytes_in_use() - before) / pictures;
  std::printf("%s: %.0f bytes a picture\n", location.c_str(), bytes);
  return bytes;
}

#ifdef __SANITIZE_ADDRESS__
#define SKIP_WHERE_MEMORY_IS_NOT_COUNTED() GTEST_SKIP() << "the address sanitizer has an allocator of its own"
#else
#define SKIP_WHERE_MEMORY_IS_NOT_COUNTED()
#endif

TEST(Memory, OfATarIsItsIndex) {
  SKIP_WHERE_MEMORY_IS_NOT_COUNTED();
  const testing::TemporaryFolder folder;
  constexpr int pictures = 50'000;
  std::string bytes;
  for (int i = 0; i < pictures; ++i) bytes += testing::tar_member({"gaussian_noise/1/" + name_of(i), "x"});
  testing::put(folder / "noise.tar", bytes + testing::tar_end());
  bytes = std::string();
  const double used = bytes_a_picture((folder / "noise.tar").string(), pictures, {.subfolder = "gaussian_noise/1"});
  EXPECT_LT(used, 220);
  EXPECT_GT(used, 50) << "less than the names alone: this test does not count";
}

TEST(Memory, OfAFolderIsItsIndex) {
  SKIP_WHERE_MEMORY_IS_NOT_COUNTED();
  const testing::TemporaryFolder folder;
  constexpr int pictures = 500;  // a picture costs the same, and disks take their time
  for (int i = 0; i < pictures; ++i) {
    if (i < classes) std::filesystem::create_directories((folder / name_of(i)).parent_path());
    ASSERT_EQ(mknod((folder / name_of(i)).c_str(), S_IFREG | 0644, 0), 0);
  }
  const double used = bytes_a_picture(folder.path().string(), pictures);
  EXPECT_LT(used, 220);
  EXPECT_GT(used, 30) << "less than the names alone: this test does not count";
}

}  // namespace
}  // namespace automask::datasets
