// Tar shards in WebDataset form.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "datasets/source.h"
#include "tests/unit/core/temporary_folder.h"
#include "tests/unit/core/throws.h"
#include "tests/unit/datasets/compressed.h"
#include "tests/unit/datasets/idx_bytes.h"
#include "tests/unit/datasets/tar_bytes.h"

namespace automask::datasets {
namespace {

using ::testing::ElementsAre;
using testing::error_of;
using testing::put;
using testing::tar_end;
using testing::tar_member;
using testing::TemporaryFolder;

std::string pgm(int value) { return std::string("P5 1 1 255 ") + static_cast<char>(value); }

class ShardsTest : public ::testing::Test {
 protected:
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::unique_ptr<Source> opened(const std::string& members, const SourceOptions& options = {}) {
    put(folder_ / "s.tar", members + tar_end());
    return open_source(path("s.tar"), options);
  }
  core::Error fault(const std::string& members, const SourceOptions& options = {}) {
    auto error = error_of([&] { opened(members, options); });
    EXPECT_FALSE(error.remedy().empty()) << error.what();
    return error;
  }
  TemporaryFolder folder_;
};

TEST_F(ShardsTest, ReadsNumbersAndJson) {
  const auto source = opened(
      tar_member({"a/0001.jpg", pgm(1)}) + tar_member({"a/0001.cls", "7\n"}) + tar_member({"a/0002.cls", "03"}) +
      tar_member({"a/0002.png", pgm(2)}) + tar_member({"0003.json", R"({"label": 4, "cls": 1})"}) +
      tar_member({"0003.webp", pgm(3)}) + tar_member({"0004.ppm", pgm(4)}) +
      tar_member({"0004.json", R"({"cls": 5})"}) + tar_member({"0005.txt", "a caption"}) +
      tar_member({"0005.jpg", pgm(5)}) + tar_member({"0006.json", R"({"caption": "x"})"}) +
      tar_member({"0006.jpg", pgm(6)}) + tar_member({"0007.json", R"({"label": 9})"}) + tar_member({"0007.cls", "2"}) +
      tar_member({"0007.left.jpg", pgm(7)}) + tar_member({"0007.right.jpg", pgm(8)}) + tar_member({"meta.json", "{}"}));
  ASSERT_EQ(source->size(), 7U);
  std::vector<std::string> ids;
  std::vector<int> labels, values;
  for (std::size_t i = 0; i < source->size(); ++i) {
    ids.push_back(source->id(i));
    labels.push_back(source->label(i));
    values.push_back(source->picture(i).at<std::uint8_t>(0, 0));
  }
  EXPECT_THAT(
      ids, ElementsAre("a/0001.jpg", "a/0002.png", "0003.webp", "0004.ppm", "0005.jpg", "0006.jpg", "0007.left.jpg"));
  EXPECT_THAT(labels, ElementsAre(7, 3, 4, 5, -1, -1, 2));
  EXPECT_THAT(values, ElementsAre(1, 2, 3, 4, 5, 6, 7));
  EXPECT_EQ(source->classes().size(), 8U);
  EXPECT_EQ(source->classes()[7], "7");
}

TEST_F(ShardsTest, AreSeveralByBraces) {
  for (int shard = 0; shard < 3; ++shard) {
    std::string tar;
    for (int i = 0; i < 4; ++i) {
      const std::string key = std::to_string(shard) + "-" + std::to_string(i);
      tar += tar_member({key + ".cls", std::to_string(i)}) + tar_member({key + ".jpg", pgm(10 * shard + i)});
    }
    put(folder_ / ("s-00" + std::to_string(shard) + ".tar"), tar + tar_end());
    put(folder_ / ("p-00" + std::to_string(shard) + ".tar.zst"), testing::compressed(tar + tar_end(), "zstd"));
  }
  for (const std::string name : {"s-{000..002}.tar", "p-{000,001,002}.tar.zst"}) {
    const auto source = open_source(path(name));
    ASSERT_EQ(source->size(), 12U);
    for (std::size_t i = 0; i < 12; ++i) {
      EXPECT_EQ(source->label(i), static_cast<int>(i % 4));
      EXPECT_EQ(source->picture(i).at<std::uint8_t>(0, 0), i / 4 * 10 + i % 4);
    }
  }
  EXPECT_SAYS(error_of([&] { open_source(path("s-{000..003}.tar")); }), path("s-003.tar") + ": is missing");
  std::filesystem::copy_file(folder_ / "s-001.tar", folder_ / "s-003.tar");
  EXPECT_SAYS(error_of([&] { open_source(path("s-{000..003}.tar")); }),
              path("s-003.tar") + ": 1-0.cls: stands in an earlier archive, too; give members names that are unique");
}

TEST_F(ShardsTest, TakeNamesOfClasses) {
  const std::string members = tar_member({"1.jpg", pgm(1)}) + tar_member({"1.cls", "1"});
  EXPECT_THAT(opened(members, {.classes = {"a", "b", "c"}})->classes(), ElementsAre("a", "b", "c"));
  put(folder_ / "list.txt", "n1 cat\nn2 dog\n");
  EXPECT_THAT(opened(members, {.class_list = folder_ / "list.txt"})->classes(), ElementsAre("cat", "dog"));
  EXPECT_SAYS(fault(members, {.classes = {"a"}}),
              "s.tar: 1.jpg: has label 1, beyond the 1 classes that are named; name all classes");
}

TEST_F(ShardsTest, NameTheMemberOfAWrongLabel) {
  const std::string picture = tar_member({"1.jpg", pgm(1)});
  for (const std::string label : {"", "cat", "-1", "1 2", "1.5", "12345678", "0x1"})
    EXPECT_SAYS(fault(picture + tar_member({"1.cls", label})),
                path("s.tar") + ": 1.cls: holds no class number; write the class's number, from 0");
  EXPECT_SAYS(fault(picture + tar_member({"1.cls", "1048576"})), "1.cls: label 1048576 names no class");
  EXPECT_SAYS(fault(picture + tar_member({"1.json", R"({"label": "cat"})"})), "1.json: \"label\" is no number");
  EXPECT_SAYS(fault(picture + tar_member({"1.json", R"({"cls": 2.5})"})), "1.json: \"cls\" is no number");
  EXPECT_SAYS(fault(picture + tar_member({"1.json", R"({"label": -3})"})), "1.json: label -3 names no class");
  EXPECT_SAYS(error_of([&] { opened(picture + tar_member({"1.json", "{"})); }), path("s.tar") + ": 1.json");
}

// Class folders with a list beside them are no samples.
TEST_F(ShardsTest, AJsonAloneMakesNoShard) {
  const auto source = opened(tar_member({"class_index.json", "{}"}) + tar_member({"n1/a.jpg", pgm(1)}) +
                             tar_member({"n2/b.jpg", pgm(2)}));
  EXPECT_THAT(source->classes(), ElementsAre("n1", "n2"));
  EXPECT_EQ(source->label(1), 1);
  EXPECT_SAYS(fault(tar_member({"a.cls", "1"}) + tar_member({"b.txt", "x"})), "holds no pictures");
}

}  // namespace
}  // namespace automask::datasets
