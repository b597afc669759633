#pragma once
// What a manifest says about a data set, checked; no picture is read here and OpenCV is not needed.
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"

namespace automask::datasets {

// `validation` is carved out of the training files and never trained on; choices are made on it.
enum class Split { train, validation, test };
std::string_view to_string(Split split);

struct DatasetSpec {
  std::string name;            // the manifest's key
  std::string reader;          // "idx" or "image_folder"
  std::filesystem::path root;  // folder with the four IDX files, or with train/ and test/ (or val/) class folders
  int height = 0, width = 0, channels = 0;       // network input; short side resized, centre-cropped; channels 1 or 3
  std::int64_t validation = 0;                   // pictures held out of train, spread evenly over it
  std::int64_t limit_train = 0, limit_test = 0;  // 0: all; else that many (or all there are), spread evenly
  std::vector<std::string> classes;              // names by label; empty: folder names, or "0", "1", ... for idx

  // {"reader": "idx", "path": "...", "input": [C, H, W], "validation": 5000, "limit": {"train": 0, "test": 0},
  //  "classes": ["T-shirt", ...]}; only reader and input must be there ("path" may come from --data NAME=DIR instead).
  // Fails with pointer and "did you mean" on unknown keys and readers. Relative paths are relative to the cursor's
  // file.
  static DatasetSpec from_json(const core::JsonCursor& cursor, const std::string& name);
  // Canonical parameters that decide the pictures, without `root` (the fingerprint stands for the content).
  core::Json parameters() const;
};

std::vector<std::string> known_readers();

// The files a split is read from, sorted. Error(invalid_manifest) names the missing path and how to get or point
// at the data (package dataset-fashion-mnist, --data NAME=DIR).
std::vector<std::filesystem::path> files(const DatasetSpec& spec, Split split);

// The folder of an image_folder split: train/, or test/ and else val/. Error(invalid_manifest) when it is missing.
std::filesystem::path split_folder(const DatasetSpec& spec, Split split);
// Its class folders' names, sorted by bytes. Taken from train/ where there is one, so that labels agree over splits.
std::vector<std::string> folder_classes(const DatasetSpec& spec, Split split);

// SHA-256 over relative names and contents of those files.
std::string fingerprint(const DatasetSpec& spec, Split split);

}  // namespace automask::datasets
