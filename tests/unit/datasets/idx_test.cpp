#include "datasets/idx.h"

#include <gtest/gtest.h>

#include <numeric>

#include "core/atomic_file.h"
#include "core/philox.h"
#include "datasets/dataset.h"
#include "tests/unit/core/temporary_folder.h"
#include "tests/unit/core/throws.h"
#include "tests/unit/datasets/idx_bytes.h"

namespace automask::datasets {
namespace {

using core::ExitCode;
using testing::error_of;
using testing::gzipped;
using testing::idx_bytes;
using testing::put;
using testing::TemporaryFolder;

TEST(ParseIdx, ReadsPlainAndGzipAlike) {
  const std::string bytes = idx_bytes(8, {2, 1, 3}, std::string("\0\1\2\xfd\xfe\xff", 6));
  for (const std::string& file : {bytes, gzipped(bytes)}) {
    const IdxArray array = parse_idx(file, "x");
    EXPECT_EQ(array.type, IdxType::u8);
    EXPECT_EQ(array.shape, (std::vector<std::uint32_t>{2, 1, 3}));
    EXPECT_EQ(array.values, (std::vector<std::uint8_t>{0, 1, 2, 253, 254, 255}));
    EXPECT_EQ(array.value(5), 255);
  }
}

TEST(ParseIdx, ReadsBigEndianIntegers) {
  const IdxArray array = parse_idx(idx_bytes(12, {2}, std::string("\0\1\2\3\xff\xff\xff\xfe", 8)), "x");
  EXPECT_EQ(array.value(0), 0x00010203);
  EXPECT_EQ(array.value(1), -2);
}

TEST(ParseIdx, ReadsMoreThanOneBufferOfGzip) {
  std::string values(5 << 20, '\0');
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<char>(i * i >> 7);
  const IdxArray array = parse_idx(gzipped(idx_bytes(8, {5 << 20}, values)), "x");
  EXPECT_EQ(std::string(array.values.begin(), array.values.end()), values);
}

TEST(ParseIdx, NamesTheFaultOfABrokenFile) {
  const std::string whole = idx_bytes(8, {2, 3}, "abcdef");
  const std::string packed = gzipped(whole);
  const auto fault = [](const std::string& bytes) {
    const auto error = error_of([&] { parse_idx(bytes, "some/file"); });
    EXPECT_EQ(error.code(), ExitCode::steps_failed);
    EXPECT_EQ(error.where(), "some/file");
    EXPECT_FALSE(error.remedy().empty());
    const TemporaryFolder folder;
    put(folder / "mapped", bytes);
    const auto mapped = error_of([&] { map_idx(folder / "mapped"); });
    EXPECT_EQ(mapped.code(), ExitCode::steps_failed);
    EXPECT_EQ(mapped.problem(), error.problem());
    return error.problem();
  };
  using ::automask::testing::contains;
  EXPECT_PRED2(contains, fault(""), "truncated");
  EXPECT_PRED2(contains, fault(whole.substr(0, 3)), "magic number");
  EXPECT_PRED2(contains, fault(whole.substr(0, 9)), "list of sizes");
  EXPECT_PRED2(contains, fault(whole.substr(0, whole.size() - 1)), "truncated");
  EXPECT_PRED2(contains, fault(whole + "x"), "holds more than the 6 bytes");
  EXPECT_PRED2(contains, fault("\xff\xd8\xff\xe0 a jpeg"), "is no IDX file of u8 or i32 values: it starts with ff d8");
  EXPECT_PRED2(contains, fault(idx_bytes(9, {2, 3}, "abcdef")), "is no IDX file");
  EXPECT_PRED2(contains, fault(idx_bytes(8, {}, "")), "is no IDX file");
  EXPECT_PRED2(contains, fault(idx_bytes(8, {1, 1, 1, 1, 1}, "a")), "is no IDX file");

  EXPECT_PRED2(contains, fault(packed.substr(0, packed.size() / 2)), "gzip data ends too early");
  EXPECT_PRED2(contains, fault(packed.substr(0, packed.size() - 3)), "gzip data ends too early");
  EXPECT_PRED2(contains, fault(packed + "x"), "1 bytes after its gzip data");
  std::string wrong_sum = packed;
  wrong_sum[wrong_sum.size() - 8] = static_cast<char>(wrong_sum[wrong_sum.size() - 8] ^ 1);  // of the CRC
  EXPECT_PRED2(contains, fault(wrong_sum), "damaged gzip file");
  EXPECT_PRED2(contains, fault(gzipped(whole.substr(0, whole.size() - 1))), "holds 5 of 6 bytes");
  EXPECT_PRED2(contains, fault(gzipped(whole + "x")), "holds more than the 6 bytes");
}

TEST(ParseIdx, RefusesSizesThatOverflow) {
  const std::uint32_t most = 0xFFFFFFFF;
  // The products wrap to 0 or to something small in 64 bits.
  for (const auto& bytes :
       {idx_bytes(8, {1u << 31, 1u << 31, 4, 1}, ""), idx_bytes(8, {1u << 16, 1u << 16, 1u << 16, 1u << 16}, "abc"),
        idx_bytes(12, {1u << 31, 1u << 31}, ""), idx_bytes(8, {most, most, most, most}, "abc")}) {
    EXPECT_SAYS(error_of([&] { parse_idx(bytes, "x"); }), "announces more data than the file can hold");
    EXPECT_SAYS(error_of([&] { parse_idx(gzipped(bytes), "x"); }), "announces more data than the file can hold");
  }
}

TEST(ParseIdx, RefusesSizesThatOverflowInALargeFile) {
  // Large enough for its first size to be possible; the second makes 4 x 2^31 x 2^31 wrap to 0.
  std::vector<std::uint32_t> noise(9 << 18);
  core::RandomStream(1).fill(noise);
  const std::string values(reinterpret_cast<const char*>(noise.data()), 4 * noise.size());
  const std::string bytes = idx_bytes(12, {1u << 31, 1u << 31}, values);
  EXPECT_SAYS(error_of([&] { parse_idx(gzipped(bytes), "x"); }), "announces more data than the file can hold");
}

TEST(MapIdx, HasWhatReadIdxHas) {
  const TemporaryFolder folder;
  const std::string bytes = idx_bytes(8, {2, 1, 3}, std::string("\0\1\2\xfd\xfe\xff", 6));
  for (const std::string& file : {bytes, gzipped(bytes), idx_bytes(12, {2}, "abcdefgh"), idx_bytes(8, {0, 3}, "")}) {
    put(folder / "a", file);
    const MappedIdx mapped = map_idx(folder / "a");
    const IdxArray read = read_idx(folder / "a");
    EXPECT_EQ(mapped.type, read.type);
    EXPECT_EQ(mapped.shape, read.shape);
    EXPECT_EQ(std::vector<std::uint8_t>(mapped.values.begin(), mapped.values.end()), read.values);
  }
}

TEST(WriteIdx, IsReadBack) {
  const TemporaryFolder folder;
  IdxArray array;
  array.shape = {2, 2};
  array.values = {1, 2, 3, 255};
  write_idx(array, folder / "a");
  EXPECT_EQ(core::read_file(folder / "a"), idx_bytes(8, {2, 2}, "\1\2\3\xff"));
  EXPECT_EQ(read_idx(folder / "a").values, array.values);
  array.shape = {5};
  EXPECT_THROW(write_idx(array, folder / "a"), core::Error);
}

class IdxDatasetTest : public ::testing::Test {
 protected:
  IdxDatasetTest() {
    spec_.name = "counting";
    spec_.reader = "idx";
    spec_.root = folder_.path();
    spec_.height = 2;
    spec_.width = 3;
    spec_.channels = 1;
    put(folder_ / "train-images-idx3-ubyte", testing::counting_images(20));
    put(folder_ / "train-labels-idx1-ubyte", testing::counting_labels(20));
    put(folder_ / "t10k-images-idx3-ubyte.gz", gzipped(testing::counting_images(12)));
    put(folder_ / "t10k-labels-idx1-ubyte.gz", gzipped(testing::counting_labels(12)));
  }
  TemporaryFolder folder_;
  DatasetSpec spec_;
};

TEST_F(IdxDatasetTest, GivesPicturesLabelsIdsAndClasses) {
  const auto train = open(spec_, Split::train);
  ASSERT_EQ(train->size(), 20u);
  EXPECT_EQ(train->label(13), 3);
  EXPECT_EQ(train->id(13), "train-images-idx3-ubyte/000013");
  EXPECT_EQ(train->classes().size(), 10u);
  EXPECT_EQ(train->classes()[7], "7");
  const cv::Mat picture = train->picture(13);
  ASSERT_EQ(picture.type(), CV_8UC1);
  ASSERT_EQ(picture.rows, 2);
  ASSERT_EQ(picture.cols, 3);
  EXPECT_EQ(picture.at<std::uint8_t>(1, 2), 13 * 6 + 5);
  // Ids don't change when somebody unpacks the files.
  EXPECT_EQ(open(spec_, Split::test)->id(1), "t10k-images-idx3-ubyte/000001");
}

TEST_F(IdxDatasetTest, TakesNamesOfClassesFromTheSpec) {
  for (int i = 0; i < 10; ++i) spec_.classes.push_back("class " + std::to_string(i));
  EXPECT_EQ(open(spec_, Split::test)->classes()[3], "class 3");
  spec_.classes.resize(9);
  const auto error = error_of([&] { open(spec_, Split::test); });
  EXPECT_SAYS(error, "label 9 of picture 9 names no class");
  EXPECT_EQ(error.code(), ExitCode::steps_failed);
}

TEST_F(IdxDatasetTest, ReadsColourFromFourDimensions) {
  put(folder_ / "train-images-idx3-ubyte", idx_bytes(8, {1, 1, 2, 3}, "rgbRGB"));
  put(folder_ / "train-labels-idx1-ubyte", testing::counting_labels(1));
  const cv::Mat picture = open(spec_, Split::train)->picture(0);
  ASSERT_EQ(picture.type(), CV_8UC3);
  EXPECT_EQ(picture.at<cv::Vec3b>(0, 1), cv::Vec3b('R', 'G', 'B'));
}

TEST_F(IdxDatasetTest, RefusesFilesThatDontFitTogether) {
  const auto fault = [&](const char* name, const std::string& bytes) {
    const TemporaryFolder other;
    std::filesystem::copy(folder_.path(), other.path(), std::filesystem::copy_options::recursive);
    put(other / name, bytes);
    auto spec = spec_;
    spec.root = other.path();
    const auto error = error_of([&] { open(spec, Split::train); });
    EXPECT_EQ(error.code(), ExitCode::steps_failed);
    EXPECT_SAYS(error, name);
    return error;
  };
  const char *images = "train-images-idx3-ubyte", *labels = "train-labels-idx1-ubyte";
  EXPECT_SAYS(fault(labels, testing::counting_labels(19)), "holds 19 labels for the 20 pictures");
  EXPECT_SAYS(fault(labels, testing::counting_images(20)), "holds no labels");
  EXPECT_SAYS(fault(images, testing::counting_labels(20)), "holds no pictures");
  EXPECT_SAYS(fault(images, idx_bytes(8, {0, 2, 3}, "")), "holds no picture at all");
  EXPECT_SAYS(fault(images, idx_bytes(8, {20, 0, 3}, "")), "pictures of 0 x 3");
  EXPECT_SAYS(fault(images, idx_bytes(8, {20, 1, 1, 2}, std::string(40, 'x'))), "pictures of 1 x 1 x 2");
  EXPECT_SAYS(fault(images, idx_bytes(12, {20, 1, 1}, std::string(80, 'x'))), "holds no pictures");
  EXPECT_SAYS(fault(labels, idx_bytes(12, {20}, std::string(80, '\xff'))), "label -1 of picture 0 names no class");
}

TEST_F(IdxDatasetTest, NamesAMissingFileAndHowToGetIt) {
  std::filesystem::remove(folder_ / "t10k-labels-idx1-ubyte.gz");
  const auto error = error_of([&] { open(spec_, Split::test); });
  EXPECT_EQ(error.code(), ExitCode::invalid_manifest);
  EXPECT_SAYS(error, "t10k-labels-idx1-ubyte: is missing");
  EXPECT_SAYS(error, "dataset-fashion-mnist");
  EXPECT_SAYS(error, "--data counting=DIR");
}

TEST(FashionMnist, IsReadWhole) {
  DatasetSpec spec;
  spec.name = "fashion-mnist";
  spec.reader = "idx";
  spec.root = "/usr/share/datasets/fashion-mnist";
  if (!std::filesystem::exists(spec.root)) GTEST_SKIP() << "the package dataset-fashion-mnist is not installed";
  spec.height = spec.width = 28;
  spec.channels = 1;
  spec.validation = 5000;
  for (const auto& [split, count] :
       {std::pair(Split::train, 55000u), std::pair(Split::validation, 5000u), std::pair(Split::test, 10000u)}) {
    const auto data = open(spec, split);
    ASSERT_EQ(data->size(), count);
    std::vector<int> per_class(10);
    for (std::size_t i = 0; i < data->size(); ++i) ++per_class.at(static_cast<std::size_t>(data->label(i)));
    for (const int n : per_class) EXPECT_NEAR(n, count / 10.0, count / 100.0) << to_string(split);
    // Clothes in the middle, black at the border.
    const cv::Mat picture = data->picture(0);
    EXPECT_GT(std::accumulate(picture.begin<std::uint8_t>(), picture.end<std::uint8_t>(), 0), 10000);
    EXPECT_LT(picture.at<std::uint8_t>(0, 0), 10);
  }
  EXPECT_EQ(fingerprint(spec, Split::train), fingerprint(spec, Split::validation));
  EXPECT_NE(fingerprint(spec, Split::train), fingerprint(spec, Split::test));
}

}  // namespace
}  // namespace automask::datasets
