#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "datasets/dataset.h"
#include "tests/unit/core/temporary_folder.h"
#include "tests/unit/core/throws.h"
#include "tests/unit/datasets/idx_bytes.h"

namespace automask::datasets {
namespace {

using testing::error_of;
using testing::put;
using testing::TemporaryFolder;

// `count` records of CIFAR-10 (`coarse` < 0) or CIFAR-100, labels first, first + 1, ...; planes of red, green, blue.
std::string batch(int count, int first, int coarse = -1) {
  std::string bytes;
  for (int i = 0; i < count; ++i) {
    if (coarse >= 0) bytes.push_back(static_cast<char>(coarse));
    bytes.push_back(static_cast<char>(first + i));
    for (int c = 0; c < 3; ++c)
      for (int p = 0; p < 1024; ++p) bytes.push_back(static_cast<char>(p % 32 + 40 * c + p / 32 * (c == 1) + i));
  }
  return bytes;
}

void expect_record(const cv::Mat& picture, int i) {
  ASSERT_EQ(picture.type(), CV_8UC3);
  ASSERT_EQ(picture.size(), cv::Size(32, 32));
  for (int y = 0; y < 32; ++y)
    for (int x = 0; x < 32; ++x) {
      const auto value = [&](int n) { return static_cast<std::uint8_t>(n + i); };
      ASSERT_EQ(picture.at<cv::Vec3b>(y, x), cv::Vec3b(value(x), value(x + 40 + y), value(x + 80))) << x << " " << y;
    }
}

class CifarTest : public ::testing::Test {
 protected:
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  core::Error fault(const std::string& name, const SourceOptions& options = {}) {
    auto error = error_of([&] { open_source(path(name), options); });
    EXPECT_FALSE(error.remedy().empty()) << error.what();
    return error;
  }
  TemporaryFolder folder_;
};

TEST_F(CifarTest, ReadsBatchesOfTen) {
  put(folder_ / "data_batch_1.bin", batch(3, 0));
  put(folder_ / "data_batch_2.bin", batch(2, 8));
  const auto source = open_source(path("data_batch_{1..2}.bin"));
  ASSERT_EQ(source->size(), 5U);
  EXPECT_EQ(source->classes().size(), 10U);
  for (const auto& [i, label] : std::vector<std::pair<std::size_t, int>>{{0, 0}, {2, 2}, {3, 8}, {4, 9}})
    EXPECT_EQ(source->label(i), label);
  EXPECT_EQ(source->id(4), "data_batch_2/000001");
  EXPECT_EQ(source->where(4), path("data_batch_2.bin") + ": record 1");
  expect_record(source->picture(2), 2);
  expect_record(source->picture(4), 1);
  expect_record(decode_picture(source->read(4), "x"), 1);
  put(folder_ / "batches.meta.txt", "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n");
  EXPECT_EQ(open_source(path("data_batch_1.bin"))->classes()[9], "truck");
}

TEST_F(CifarTest, ReadsFineLabelsOfAHundred) {
  put(folder_ / "train.bin", batch(4, 60, 3));
  const auto source = open_source(path("train.bin"));
  ASSERT_EQ(source->size(), 4U);
  EXPECT_EQ(source->classes().size(), 100U);
  EXPECT_EQ(source->label(3), 63);
  expect_record(source->picture(3), 3);
  std::string names;
  for (int i = 0; i < 100; ++i) names += "name " + std::to_string(i) + "\r\n";
  put(folder_ / "fine_label_names.txt", names);
  EXPECT_EQ(open_source(path("train.bin"))->classes()[63], "name 63");
}

TEST_F(CifarTest, TellsTheTwoByNameWhereTheSizeFitsBoth) {
  std::string bytes(3073 * 3074, '\0');
  put(folder_ / "train.bin", bytes);
  put(folder_ / "data_batch_1.bin", bytes);
  EXPECT_EQ(open_source(path("train.bin"))->size(), 3073U);
  EXPECT_EQ(open_source(path("data_batch_1.bin"))->size(), 3074U);
}

TEST_F(CifarTest, IsAReaderOfManifests) {
  for (int i = 1; i <= 5; ++i) put(folder_ / ("data_batch_" + std::to_string(i) + ".bin"), batch(2, i));
  put(folder_ / "test_batch.bin", batch(4, 0));
  DatasetSpec spec;
  spec.name = "cifar10";
  spec.reader = "cifar";
  spec.root = folder_.path();
  spec.channels = 3;
  spec.height = spec.width = 32;
  EXPECT_EQ(open(spec, Split::train)->size(), 10U);
  const PictureSet test = load(*open(spec, Split::test), spec, 2);
  ASSERT_EQ(test.size(), 4U);
  EXPECT_EQ(test.picture(1)[3], 2) << "red of the second pixel of record 1";
  std::filesystem::remove(folder_ / "data_batch_4.bin");
  EXPECT_SAYS(
      error_of([&] { open(spec, Split::train); }),
      path("data_batch_4.bin") + ": is missing, and so is train.bin of CIFAR-100; unpack CIFAR's binary version");
}

TEST_F(CifarTest, RefusesWhatIsNoBatch) {
  put(folder_ / "a.bin", batch(2, 0).substr(1));
  EXPECT_SAYS(fault("a.bin"),
              path("a.bin") + ": is no whole CIFAR batch: its 6145 bytes are no multiple of 3073 or 3074");
  put(folder_ / "a.bin", "");
  EXPECT_SAYS(fault("a.bin"), "is no whole CIFAR batch");
  put(folder_ / "a.bin", batch(3, 8));
  EXPECT_SAYS(fault("a.bin"), path("a.bin") + ": record 2: has label 10, which names no class; fetch the file again");
  put(folder_ / "a.bin", batch(2, 99, 0));
  EXPECT_SAYS(fault("a.bin"), "record 1: has label 100, which names no class");
  put(folder_ / "a.bin", batch(1, 0));
  put(folder_ / "b.bin", batch(1, 0, 0));
  EXPECT_SAYS(fault("{a,b}.bin"), path("b.bin") + ": is of the other CIFAR than the files before it");
  put(folder_ / "c/a.bin", batch(1, 0));
  EXPECT_SAYS(fault("{a,c/a}.bin"), path("c/a.bin") + ": has the name of a file before it");
  EXPECT_SAYS(fault("a.bin", {.classes = {"one"}}),
              "a.bin: has 10 classes, but 1 names are given; name all classes or none");
  put(folder_ / "batches.meta.txt", "airplane\nautomobile\n");
  EXPECT_SAYS(fault("a.bin"),
              path("batches.meta.txt") + ": has 2 names for 10 classes; fetch the file again or remove it");
}

TEST_F(CifarTest, SaysSoWhenAFileShrinks) {
  put(folder_ / "a.bin", batch(3, 0));
  const auto source = open_source(path("a.bin"));
  put(folder_ / "a.bin", batch(1, 0));
  EXPECT_SAYS(error_of([&] { source->picture(2); }), path("a.bin") + ": became shorter while it was read");
}

}  // namespace
}  // namespace automask::datasets
