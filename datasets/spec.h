#pragma once
// What a manifest says about a data set, checked; no picture is read here and OpenCV is not needed.
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/json.h"

namespace automask::datasets {

// `validation` is carved out of the training files and never trained on; choices are made on it. `calibration` is
// carved out of the test files, of data sets that have no others, and never tested on.
enum class Split { train, validation, test, calibration };
std::string_view to_string(Split split);

struct DatasetSpec {
  std::string name;                              // the manifest's key
  std::string reader;                            // one of known_readers()
  std::filesystem::path root;                    // folder with the files of the reader, see files()
  int height = 0, width = 0, channels = 0;       // network input; short side resized, centre-cropped; channels 1 or 3
  std::int64_t validation = 0;                   // pictures held out of train, spread evenly over it
  std::int64_t calibration = 0;                  // pictures held out of test, likewise
  std::int64_t limit_train = 0, limit_test = 0;  // 0: all; else that many (or all there are), spread evenly
  int resize = 0;                                // of the short side before the crop (ImageNet: 256); 0: to the input's
  // Below root, of the readers tar and webdataset: archives per split ("val-{00..49}.tar"), and the folder inside. Of
  // image_folder the folder of the test pictures; empty: test/ or val/.
  std::string train_files, test_files, subfolder;
  // Relative to root; SourceOptions (source.h) says what stands in them. The ground truth is the test split's.
  std::filesystem::path class_list, ground_truth, ilsvrc_ids;
  std::vector<std::string> classes;  // names by label; empty: folder names, or "0", "1", ... for idx

  // Also, by reader: "class_list" (image_folder, tar, webdataset), "train", "test", "subfolder" (tar, webdataset),
  // "ground_truth", "ilsvrc_ids" (tar); "resize" and "calibration" of any.
  // {"reader": "idx", "path": "...", "input": [C, H, W], "validation": 5000, "limit": {"train": 0, "test": 0},
  //  "classes": ["T-shirt", ...]}; only reader and input must be there ("path" may come from --data NAME=DIR instead).
  // Fails with pointer and "did you mean" on unknown keys and readers. Relative paths are relative to the cursor's
  // file.
  static DatasetSpec from_json(const core::JsonCursor& cursor, const std::string& name);
  // Canonical parameters that decide the pictures, without `root` (the fingerprint stands for the content).
  core::Json parameters() const;
};

// The pictures that INT8 ranges are found on: train, or calibration where the data set holds some out.
Split calibration_split(const DatasetSpec& spec);

std::vector<std::string> known_readers();

// The files a split is read from (`calibration`: as test):
//   imagenet      what imagenet.h says
//   idx           the MNIST family's four, .gz or not
//   image_folder  train/ and test/ (or val/), class folders with pictures in them
//   cifar         data_batch_{1..5}.bin and test_batch.bin, or train.bin and test.bin
//   tar           "train" and "test" name archives of class folders, or flat ones with a ground truth
//   webdataset    "train" and "test" name shards
// Sorted, but archives in the order given. Error(invalid_manifest) names the missing path and how to get or point
// at the data (package dataset-fashion-mnist, --data NAME=DIR).
std::vector<std::filesystem::path> files(const DatasetSpec& spec, Split split);

// The folder of an image_folder split: train/, or test/ and else val/. Error(invalid_manifest) when it is missing.
std::filesystem::path split_folder(const DatasetSpec& spec, Split split);
// Its class folders' names, sorted by bytes. Taken from train/ where there is one, so that labels agree over splits.
std::vector<std::string> folder_classes(const DatasetSpec& spec, Split split);

// The files that decide labels besides: role ("class_list", "ground_truth", "ilsvrc_ids") and path.
std::vector<std::pair<std::string, std::filesystem::path>> label_files(const DatasetSpec& spec, Split split);

// SHA-256 over relative names and contents of those files.
std::string fingerprint(const DatasetSpec& spec, Split split);

}  // namespace automask::datasets
