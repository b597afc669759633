#include "datasets/spec.h"

#include <gtest/gtest.h>

#include "tests/unit/core/temporary_folder.h"
#include "tests/unit/core/throws.h"
#include "tests/unit/datasets/idx_bytes.h"

namespace automask::datasets {
namespace {

using core::ExitCode;
using testing::error_of;
using testing::put;
using testing::TemporaryFolder;

DatasetSpec parse(const std::string& text) {
  const auto json = core::parse_json(text, "dir/m.json");
  return DatasetSpec::from_json({json, "dir/m.json", "/datasets/d"}, "d");
}

TEST(DatasetSpec, ReadsAllKeys) {
  const auto spec =
      parse(R"({"reader": "idx", "path": "data/f", "input": [3, 24, 32], "validation": 50, "calibration": 8,
                              "limit": {"train": 100, "test": 10}, "classes": ["a", "b"]})");
  EXPECT_EQ(spec.name, "d");
  EXPECT_EQ(spec.reader, "idx");
  EXPECT_EQ(spec.root, "dir/data/f");
  EXPECT_EQ(spec.channels, 3);
  EXPECT_EQ(spec.height, 24);
  EXPECT_EQ(spec.width, 32);
  EXPECT_EQ(spec.validation, 50);
  EXPECT_EQ(spec.calibration, 8);
  EXPECT_EQ(calibration_split(spec), Split::calibration);
  EXPECT_EQ(calibration_split(parse(R"({"reader": "idx", "input": [1, 2, 2]})")), Split::train);
  EXPECT_EQ(spec.limit_train, 100);
  EXPECT_EQ(spec.limit_test, 10);
  EXPECT_EQ(spec.classes, (std::vector<std::string>{"a", "b"}));
}

TEST(DatasetSpec, HasDefaultsAndKeepsAbsolutePaths) {
  const auto spec = parse(R"({"reader": "image_folder", "path": "/abs/../x", "input": [1, 2, 2]})");
  EXPECT_EQ(spec.root, "/x");
  EXPECT_EQ(spec.validation + spec.limit_train + spec.limit_test, 0);
  EXPECT_TRUE(parse(R"({"reader": "idx", "input": [1, 2, 2]})").root.empty());
}

TEST(DatasetSpec, RefusesWrongManifestsByPointer) {
  const auto fault = [](const std::string& text) {
    const auto error = error_of([&] { parse(text); });
    EXPECT_EQ(error.code(), ExitCode::invalid_manifest);
    return error;
  };
  EXPECT_SAYS(fault(R"({"reader": "idy", "input": [1, 2, 2]})"),
              "dir/m.json: /datasets/d/reader: unknown reader \"idy\"; did you mean \"idx\"?");
  EXPECT_SAYS(fault(R"({"reader": "idx", "inputs": [1, 2, 2]})"), "unknown key \"inputs\"; did you mean \"input\"?");
  EXPECT_SAYS(fault(R"({"reader": "idx"})"), "the key \"input\" is missing");
  EXPECT_SAYS(fault(R"({"input": [1, 2, 2]})"), "the key \"reader\" is missing");
  EXPECT_SAYS(fault(R"({"reader": "idx", "input": [28, 28]})"), "/input: must be [channels, height, width]");
  EXPECT_SAYS(fault(R"({"reader": "idx", "input": [2, 28, 28]})"), "/input/0: is 2");
  EXPECT_SAYS(fault(R"({"reader": "idx", "input": [4294967297, 28, 28]})"), "/input/0: is 4294967297");
  EXPECT_SAYS(fault(R"({"reader": "idx", "input": [1, 0, 28]})"), "/input/1: is 0");
  EXPECT_SAYS(fault(R"({"reader": "idx", "input": [1, 28, 5000]})"), "/input/2: is 5000");
  EXPECT_SAYS(fault(R"({"reader": "idx", "input": [1, 28, 28], "validation": -1})"), "/validation: is -1");
  EXPECT_SAYS(fault(R"({"reader": "idx", "input": [1, 28, 28], "limit": {"tset": 1}})"), "did you mean \"test\"?");
  EXPECT_SAYS(fault(R"({"reader": "idx", "input": [1, 28, 28], "limit": {"test": 0.5}})"), "/limit/test: must be an");
  EXPECT_SAYS(fault(R"({"reader": "idx", "input": [1, 28, 28], "path": ""})"), "/path: is empty");
  EXPECT_SAYS(fault(R"({"reader": "idx", "input": [1, 28, 28], "classes": []})"), "/classes: is empty");
  EXPECT_SAYS(fault(R"({"reader": "idx", "input": [1, 28, 28], "classes": ["a", "a"]})"),
              "/classes/1: the class \"a\"");
}

TEST(DatasetSpec, ParametersAreThoseThatDecideThePictures) {
  const std::string text = R"({"reader": "idx", "path": "a", "input": [1, 2, 2], "validation": 5})";
  const auto spec = parse(text);
  auto other = spec;
  other.root = "elsewhere";
  other.name = "e";
  EXPECT_EQ(spec.parameters(), other.parameters());
  const auto changed = [&](auto&& change) {
    auto copy = spec;
    change(copy);
    return copy.parameters() != spec.parameters();
  };
  EXPECT_TRUE(changed([](DatasetSpec& s) { s.reader = "image_folder"; }));
  EXPECT_TRUE(changed([](DatasetSpec& s) { s.channels = 3; }));
  EXPECT_TRUE(changed([](DatasetSpec& s) { s.height = 3; }));
  EXPECT_TRUE(changed([](DatasetSpec& s) { s.width = 3; }));
  EXPECT_TRUE(changed([](DatasetSpec& s) { s.validation = 6; }));
  EXPECT_TRUE(changed([](DatasetSpec& s) { s.limit_train = 6; }));
  EXPECT_TRUE(changed([](DatasetSpec& s) { s.limit_test = 6; }));
  EXPECT_TRUE(changed([](DatasetSpec& s) { s.classes = {"a"}; }));
}

class FilesTest : public ::testing::Test {
 protected:
  DatasetSpec spec(const std::string& reader) const {
    DatasetSpec s;
    s.name = std::string("d");  // GCC 12 warns of its own assign(const char*)
    s.reader = reader;
    s.root = folder_.path();
    return s;
  }
  std::vector<std::string> names(const DatasetSpec& s, Split split) const {
    std::vector<std::string> relative;
    for (const auto& path : files(s, split)) relative.push_back(path.lexically_relative(s.root).generic_string());
    return relative;
  }
  TemporaryFolder folder_;
};

TEST_F(FilesTest, OfAnImageFolderAreSortedByBytes) {
  for (const char* name : {"train/b/2.jpg", "train/b/10.JPEG", "train/B/x.png", "train/b/sub/3.png",
                           "train/b/notes.txt", "train/.hidden/4.png", "train/loose.png", "val/b/1.png"})
    put(folder_ / name, "x");
  EXPECT_EQ(names(spec("image_folder"), Split::train),
            (std::vector<std::string>{"train/B/x.png", "train/b/10.JPEG", "train/b/2.jpg", "train/b/sub/3.png"}));
  EXPECT_EQ(names(spec("image_folder"), Split::validation), names(spec("image_folder"), Split::train));
  EXPECT_EQ(names(spec("image_folder"), Split::test), (std::vector<std::string>{"val/b/1.png"}));
  put(folder_ / "test/b/7.png", "x");
  EXPECT_EQ(names(spec("image_folder"), Split::test), (std::vector<std::string>{"test/b/7.png"}));
  EXPECT_EQ(folder_classes(spec("image_folder"), Split::test), (std::vector<std::string>{"B", "b"}));
}

TEST_F(FilesTest, OfIdxPreferUnpackedOnes) {
  for (const char* name : {"train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz", "train-labels-idx1-ubyte"})
    put(folder_ / name, "x");
  EXPECT_EQ(names(spec("idx"), Split::train),
            (std::vector<std::string>{"train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte"}));
}

TEST_F(FilesTest, ThatAreMissingAreNamed) {
  const auto fault = [](const DatasetSpec& s, Split split) {
    const auto error = error_of([&] { files(s, split); });
    EXPECT_EQ(error.code(), ExitCode::invalid_manifest);
    EXPECT_SAYS(error, "--data d=DIR");
    return error;
  };
  auto nowhere = spec("idx");
  nowhere.root = folder_ / "nowhere";
  EXPECT_SAYS(fault(nowhere, Split::test), "nowhere: the folder of data set d is missing");
  EXPECT_SAYS(fault(nowhere, Split::test), "install the package dataset-fashion-mnist");
  nowhere.root.clear();
  EXPECT_SAYS(fault(nowhere, Split::test), "no path is given");
  put(folder_ / "file", "x");
  nowhere.root = folder_ / "file";
  EXPECT_SAYS(fault(nowhere, Split::test), "file: is no folder");
  EXPECT_SAYS(fault(spec("idx"), Split::train), "train-images-idx3-ubyte: is missing, with and without .gz");
  EXPECT_SAYS(fault(spec("image_folder"), Split::train), "train: is missing");
  EXPECT_SAYS(fault(spec("image_folder"), Split::test), "test: is missing, and so is val");
  put(folder_ / "train/a/readme.txt", "x");
  EXPECT_SAYS(fault(spec("image_folder"), Split::train), "holds no .jpg, .jpeg, .png, .webp");
}

TEST_F(FilesTest, FingerprintSeesContentsAndNamesOnly) {
  put(folder_ / "train/a/1.png", "x");
  put(folder_ / "train/b/2.png", "y");
  const auto s = spec("image_folder");
  const std::string before = fingerprint(s, Split::train);
  EXPECT_EQ(before.size(), 64u);
  put(folder_ / "train/b/notes.txt", "z");
  EXPECT_EQ(fingerprint(s, Split::train), before);
  put(folder_ / "train/b/2.png", "z");
  const std::string changed = fingerprint(s, Split::train);
  EXPECT_NE(changed, before);
  put(folder_ / "train/b/2.png", "y");
  EXPECT_EQ(fingerprint(s, Split::train), before);
  std::filesystem::rename(folder_ / "train/b/2.png", folder_ / "train/b/3.png");
  EXPECT_NE(fingerprint(s, Split::train), before);
  std::filesystem::rename(folder_ / "train/b/3.png", folder_ / "train/b/2.png");
  std::filesystem::create_directory(folder_ / "train/aa");  // shifts the label of b
  EXPECT_NE(fingerprint(s, Split::train), before);
  std::filesystem::remove(folder_ / "train/aa");

  const TemporaryFolder moved;
  std::filesystem::copy(folder_.path(), moved.path(), std::filesystem::copy_options::recursive);
  auto there = s;
  there.root = moved.path();
  EXPECT_EQ(fingerprint(there, Split::train), before);
}

}  // namespace
}  // namespace automask::datasets
