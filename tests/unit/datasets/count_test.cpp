#include "datasets/count.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/unit/core/temporary_folder.h"

namespace automask::datasets {
namespace {

DatasetSpec spec_of(const std::string& reader, const std::filesystem::path& root) {
  DatasetSpec spec;
  spec.reader = reader;
  spec.root = root;
  spec.height = spec.width = 28;
  spec.channels = 1;
  return spec;
}

TEST(PictureCount, OfPackedFashionMnist) {
  DatasetSpec spec = spec_of("idx", "/usr/share/datasets/fashion-mnist");
  EXPECT_EQ(picture_count(spec, Split::train), 60000);
  EXPECT_EQ(picture_count(spec, Split::test), 10000);
  spec.validation = 5000;
  spec.limit_test = 300;
  EXPECT_EQ(picture_count(spec, Split::train), 55000);
  EXPECT_EQ(picture_count(spec, Split::validation), 5000);
  EXPECT_EQ(picture_count(spec, Split::test), 300);
}

TEST(PictureCount, OfFoldersAndBatches) {
  const automask::testing::TemporaryFolder folder;
  for (const char* name : {"train/a/1.png", "train/a/2.png", "train/b/3.jpg", "test/a/4.png"}) {
    std::filesystem::create_directories((folder / name).parent_path());
    std::ofstream(folder / name) << "not looked at";
  }
  EXPECT_EQ(picture_count(spec_of("image_folder", folder / ""), Split::train), 3);
  EXPECT_EQ(picture_count(spec_of("image_folder", folder / ""), Split::test), 1);
  EXPECT_EQ(class_count(spec_of("image_folder", folder / "")), 2);
  std::ofstream(folder / "train.bin") << std::string(std::size_t{3073} * 7, 'x');
  std::ofstream(folder / "test.bin") << std::string(std::size_t{3073} * 2, 'x');
  EXPECT_EQ(picture_count(spec_of("cifar", folder / ""), Split::train), 7);
  std::ofstream(folder / "test.bin") << std::string(std::size_t{3074} * 2, 'x');
  EXPECT_EQ(picture_count(spec_of("cifar", folder / ""), Split::test), 2) << "CIFAR-100 has two labels";
}

TEST(ClassCount, OfNamesAndLists) {
  const automask::testing::TemporaryFolder folder;
  DatasetSpec spec = spec_of("tar", folder / "");
  EXPECT_EQ(class_count(spec), std::nullopt);
  spec.class_list = "synsets.txt";
  EXPECT_EQ(class_count(spec), std::nullopt) << "no such file";
  std::ofstream(folder / "synsets.txt") << "n01440764 tench\nn01443537 goldfish\n\n";
  EXPECT_EQ(class_count(spec), 2);
  spec.classes = {"a", "b", "c"};
  EXPECT_EQ(class_count(spec), 3);
  EXPECT_EQ(class_count(spec_of("image_folder", "/nowhere")), std::nullopt);
}

TEST(PictureCount, IsNothingWhereItCannotBeTold) {
  EXPECT_EQ(picture_count(spec_of("idx", "/nowhere"), Split::train), std::nullopt);
  const automask::testing::TemporaryFolder folder;
  std::ofstream(folder / "a.tar") << std::string(10240, 'x');
  DatasetSpec archives = spec_of("tar", folder / "");
  archives.train_files = archives.test_files = "a.tar";
  EXPECT_EQ(picture_count(archives, Split::train), std::nullopt);
}

}  // namespace
}  // namespace automask::datasets
