#pragma once
// Where encoded picture files lie, folder or archives, and the sources made of them. For source.cpp and dataset.cpp.
#include <memory>
#include <string>
#include <vector>

#include "datasets/labels.h"
#include "datasets/source.h"

namespace automask::datasets {

// Paths and contents, no labels yet.
class Files {
 public:
  virtual ~Files() = default;
  virtual std::size_t size() const = 0;
  virtual const std::string& path(std::size_t i) const = 0;
  virtual std::string read(std::size_t i) const = 0;
  virtual std::string where(std::size_t i) const = 0;
  virtual const std::string& name() const = 0;  // of the whole, for messages
  const std::vector<std::string>& skipped() const { return skipped_; }

 protected:
  std::vector<std::string> skipped_;
};

std::unique_ptr<Files> files_in_folder(const std::filesystem::path& folder, std::vector<std::string> paths);
// All members of all archives, in order. A path that stands in two archives: Error(steps_failed).
std::unique_ptr<Files> files_in_tars(const std::vector<std::filesystem::path>& tars);

// Pictures in class folders, or flat with a ground truth, sorted by bytes. `folders`: the class folders where no list
// says so. Ids are paths below the subfolder, or with `whole_ids` below the root.
std::unique_ptr<Source> labelled_files(std::unique_ptr<Files> files, const SourceOptions& options,
                                       const std::vector<std::string>& folders = {}, bool whole_ids = false);
// WebDataset samples (https://github.com/webdataset/webdataset): neighbouring members that share their path up to the
// first dot of the last part; the picture, and a label in .cls (a number) or .json ({"label": 3} or {"cls": 3}).
std::unique_ptr<Source> shard_samples(std::unique_ptr<Files> files, const SourceOptions& options);
bool holds_samples(const Files& files);

std::unique_ptr<Source> open_cifar(const std::vector<std::filesystem::path>& batches, const SourceOptions& options);

}  // namespace automask::datasets
