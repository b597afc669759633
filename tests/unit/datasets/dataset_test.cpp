// What all readers share: splits, limits, loading; and the written form of a picture set.
#include "datasets/dataset.h"

#include <gtest/gtest.h>

#include <set>

#include "core/atomic_file.h"
#include "core/hash.h"
#include "tests/unit/core/temporary_folder.h"
#include "tests/unit/core/throws.h"
#include "tests/unit/datasets/idx_bytes.h"

namespace automask::datasets {
namespace {

using core::ExitCode;
using testing::error_of;
using testing::put;
using testing::TemporaryFolder;

class SplitsTest : public ::testing::Test {
 protected:
  SplitsTest() {
    spec_.name = "counting";
    spec_.reader = "idx";
    spec_.root = folder_.path();
    spec_.height = 2;
    spec_.width = 3;
    spec_.channels = 1;
    put(folder_ / "train-images-idx3-ubyte", testing::counting_images(100));
    put(folder_ / "train-labels-idx1-ubyte", testing::counting_labels(100));
    put(folder_ / "t10k-images-idx3-ubyte", testing::counting_images(40));
    put(folder_ / "t10k-labels-idx1-ubyte", testing::counting_labels(40));
  }
  std::vector<int> indices(Split split) const {
    const auto data = open(spec_, split);
    std::vector<int> numbers;
    for (std::size_t i = 0; i < data->size(); ++i) numbers.push_back(std::stoi(data->id(i).substr(24)));
    return numbers;
  }
  TemporaryFolder folder_;
  DatasetSpec spec_;
};

TEST_F(SplitsTest, ValidationIsCarvedOutEvenly) {
  spec_.validation = 10;
  const auto held_out = indices(Split::validation), train = indices(Split::train);
  EXPECT_EQ(held_out, (std::vector<int>{5, 15, 25, 35, 45, 55, 65, 75, 85, 95}));
  EXPECT_EQ(train.size(), 90u);
  std::set<int> all(held_out.begin(), held_out.end());
  all.insert(train.begin(), train.end());
  EXPECT_EQ(all.size(), 100u);
  EXPECT_TRUE(std::is_sorted(train.begin(), train.end()));
  EXPECT_EQ(indices(Split::test).size(), 40u);
}

TEST_F(SplitsTest, CalibrationIsHeldOutOfTheTestPicturesWhateverTheLimit) {
  spec_.calibration = 4;
  const std::vector<int> held_out = {5, 15, 25, 35};
  EXPECT_EQ(indices(Split::calibration), held_out);
  EXPECT_EQ(indices(Split::test).size(), 36u);
  EXPECT_EQ(indices(Split::train).size(), 100u);
  spec_.limit_test = 7;
  EXPECT_EQ(indices(Split::calibration), held_out);
  const auto tested = indices(Split::test);
  EXPECT_EQ(tested.size(), 7u);
  for (const int i : held_out) EXPECT_EQ(std::count(tested.begin(), tested.end(), i), 0) << i;
  spec_.calibration = 40;
  EXPECT_SAYS(error_of([&] { open(spec_, Split::test); }), "leaves none of the 40 test pictures");
}

TEST_F(SplitsTest, AnyValidationSizeGivesDistinctPictures) {
  for (spec_.validation = 1; spec_.validation < 100; spec_.validation += 7) {
    const auto held_out = indices(Split::validation), train = indices(Split::train);
    std::set<int> all(held_out.begin(), held_out.end());
    EXPECT_EQ(all.size(), static_cast<std::size_t>(spec_.validation));
    all.insert(train.begin(), train.end());
    EXPECT_EQ(all.size(), 100u);
  }
}

TEST_F(SplitsTest, LimitsAreSpreadEvenlyAndKeepValidation) {
  spec_.limit_train = 4;
  spec_.limit_test = 8;
  EXPECT_EQ(indices(Split::train), (std::vector<int>{12, 37, 62, 87}));
  EXPECT_EQ(indices(Split::test), (std::vector<int>{2, 7, 12, 17, 22, 27, 32, 37}));
  spec_.validation = 10;
  EXPECT_EQ(indices(Split::validation).size(), 10u);
  for (const int i : indices(Split::train)) EXPECT_NE(i % 10, 5) << "trained on a validation picture";
  spec_.limit_test = 1000;
  EXPECT_EQ(indices(Split::test).size(), 40u);
}

TEST_F(SplitsTest, ImpossibleValidationIsAnError) {
  spec_.validation = 100;
  const auto error = error_of([&] { open(spec_, Split::train); });
  EXPECT_EQ(error.code(), ExitCode::invalid_manifest);
  EXPECT_SAYS(error, "leaves none of the 100 training pictures");
  EXPECT_EQ(open(spec_, Split::test)->size(), 40u);
  spec_.validation = 0;
  EXPECT_SAYS(error_of([&] { open(spec_, Split::validation); }), "has no validation pictures");
}

TEST_F(SplitsTest, LoadingIsTheSameForAnyNumberOfThreads) {
  spec_.validation = 10;
  spec_.height = spec_.width = 5;
  spec_.channels = 3;
  const auto data = open(spec_, Split::train);
  const PictureSet one = load(*data, spec_, 1);
  EXPECT_EQ(one.size(), 90u);
  EXPECT_EQ(one.height, 5);
  EXPECT_EQ(one.channels, 3);
  EXPECT_EQ(one.pixels.size(), 90u * 75u);
  EXPECT_EQ(one.ids[0], core::hash64("train-images-idx3-ubyte/000000"));
  EXPECT_EQ(one.labels[5], 6);
  EXPECT_EQ(one.classes.size(), 10u);
  for (const int threads : {2, 7}) {
    const PictureSet other = load(*data, spec_, threads);
    EXPECT_EQ(other.pixels, one.pixels);
    EXPECT_EQ(other.labels, one.labels);
    EXPECT_EQ(other.ids, one.ids);
  }
}

// Beyond the memory that they may take they are read when they are asked for, and are the same.
TEST_F(SplitsTest, PicturesThatMemoryDoesNotHoldAreReadOneAtATime) {
  spec_.height = spec_.width = 5;
  spec_.channels = 3;
  const std::shared_ptr<const Source> data = open(spec_, Split::train);
  const PictureSet held = load_or_read(data, spec_, 2, 100 * 75), read = load_or_read(data, spec_, 2, 100 * 75 - 1);
  EXPECT_EQ(held.pixels, load(*data, spec_, 1).pixels);
  EXPECT_EQ(held.reader, nullptr);
  EXPECT_TRUE(read.pixels.empty());
  EXPECT_EQ(read.labels, held.labels);
  EXPECT_EQ(read.ids, held.ids);
  EXPECT_EQ(read.classes, held.classes);
  std::vector<std::uint8_t> memory, nothing;
  for (const std::size_t i : {0, 57, 99}) {
    const auto here = held.picture(i, nothing), there = read.picture(i, memory);
    EXPECT_EQ(std::vector<std::uint8_t>(here.begin(), here.end()),
              std::vector<std::uint8_t>(there.begin(), there.end()));
  }
  EXPECT_TRUE(nothing.empty());
  EXPECT_EQ(subset(read, {3, 1}).pixels, subset(held, {3, 1}).pixels);
  EXPECT_EQ(spread(read, 7).pixels, spread(held, 7).pixels);
  EXPECT_EQ(spread(read, 1000).pixels, held.pixels) << "in memory";
  const TemporaryFolder folder;
  EXPECT_THROW(write_picture_set(read, folder.path()), core::Error);
}

PictureSet some_set(int channels, int highest_label) {
  PictureSet set;
  set.height = 2;
  set.width = 3;
  set.channels = channels;
  set.labels = {0, highest_label, 1};
  set.ids = {0, 0xFEDCBA9876543210u, 42};
  for (int i = 0; i < 3 * 6 * channels; ++i) set.pixels.push_back(static_cast<std::uint8_t>(i * 11));
  for (int i = 0; i <= highest_label; ++i) set.classes.push_back("class " + std::to_string(i));
  return set;
}

TEST(PictureSet, IsReadBackAsItWasWritten) {
  for (const int channels : {1, 3})
    for (const int highest : {9, 255, 256, 999}) {
      const TemporaryFolder folder;
      const PictureSet set = some_set(channels, highest);
      write_picture_set(set, folder / "new");
      const PictureSet read = read_picture_set(folder / "new");
      EXPECT_EQ(read.height, set.height);
      EXPECT_EQ(read.width, set.width);
      EXPECT_EQ(read.channels, set.channels);
      EXPECT_TRUE(read.pixels.empty()) << "mapped";
      const auto pixels = read.pictures(0, read.size());
      EXPECT_EQ(std::vector<std::uint8_t>(pixels.begin(), pixels.end()), set.pixels);
      EXPECT_EQ(subset(read, {2, 0}).pixels, subset(set, {2, 0}).pixels);
      EXPECT_EQ(as_strings(read), as_strings(set));
      EXPECT_EQ(as_strings(read, 1, 2), (std::vector<std::string>{as_strings(set)[1], as_strings(set)[2]}));
      EXPECT_THROW(read.pictures(2, 2), std::out_of_range);
      EXPECT_THROW(read.picture(3), std::out_of_range);
      write_picture_set(read, folder / "again");
      EXPECT_EQ(core::read_file(folder / "again" / "images.idx"), core::read_file(folder / "new" / "images.idx"));
      EXPECT_EQ(read.labels, set.labels);
      EXPECT_EQ(read.ids, set.ids);
      EXPECT_EQ(read.classes, set.classes);
    }
}

TEST(PictureSet, StaysReadableOnceItsFolderIsGone) {
  const TemporaryFolder folder;
  write_picture_set(some_set(3, 9), folder / "new");
  const PictureSet read = read_picture_set(folder / "new");
  std::filesystem::remove_all(folder / "new");
  EXPECT_EQ(as_strings(read), as_strings(some_set(3, 9)));
}

TEST(PictureSet, WhosePixelsAreTooFewOrTooManyIsNotWritten) {
  const TemporaryFolder folder;
  for (const std::size_t missing : {1u, 0u}) {
    const std::vector<std::uint8_t> pixels(3 * 6 + 1 - 2 * missing);
    EXPECT_THROW(write_picture_set(some_set(1, 9), folder.path(), [&](const WritePixels& write) { write(pixels); }),
                 core::Error);
    EXPECT_FALSE(std::filesystem::exists(folder / "images.idx"));
  }
}

TEST(PictureSet, FaultsNameTheFile) {
  const auto fault = [](const std::string& name, const std::string& bytes) {
    const TemporaryFolder folder;
    write_picture_set(some_set(1, 9), folder.path());
    if (bytes.empty()) {
      std::filesystem::remove(folder / name);
    } else {
      put(folder / name, bytes);
    }
    const auto error = error_of([&] { read_picture_set(folder.path()); });
    EXPECT_EQ(error.code(), ExitCode::steps_failed);
    EXPECT_SAYS(error, name);
    return error;
  };
  for (const char* name : {"images.idx", "labels.idx", "pictures.json"}) {
    fault(name, "");
    fault(name, "rubbish");
  }
  fault("labels.idx", testing::counting_labels(2));
  EXPECT_SAYS(fault("pictures.json", R"({"schema_version": 1, "classes": ["a"], "ids": []})"), "doesn't match");
  EXPECT_SAYS(fault("pictures.json", R"({"schema_version": 2, "classes": ["a"], "ids": []})"), "is not known");
  EXPECT_SAYS(fault("pictures.json", R"({"schema_version": 1, "classes": ["a"], "ids": ["12"]})"), "/ids/0");
  EXPECT_SAYS(fault("labels.idx", testing::idx_bytes(8, {3}, "\1\2\77")), "label 63 names no class");
}

}  // namespace
}  // namespace automask::datasets
