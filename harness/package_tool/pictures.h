#pragma once
// The pictures of a job of `export` or `verify`: those of the run's data set, or of --data.
#include <memory>

#include "datasets/picture_set.h"
#include "datasets/source.h"
#include "datasets/spec.h"
#include "harness/package_tool/subject.h"

namespace automask::harness::package_tool {

// Whether the job names any: by "data": {"folder", "classes": a file or ""}, or by a run's manifest.
bool has_pictures(const core::Json& job, const Subject& subject);

// A split's pictures at the network's input size, as the network wants them prepared. A run's data set is read as its
// manifest says, from the folder of --data where there is one. Any other folder or file is told by its content: IDX
// files, CIFAR batches, train/ and test/ or val/ with class folders; what has no splits (class folders, archives) is
// every split. Error(usage) where nothing is named or nothing is there.
class SplitPictures {
 public:
  SplitPictures(const core::Json& job, const Subject& subject, datasets::Split split);
  // Those that INT8 ranges are found on.
  static SplitPictures for_calibration(const core::Json& job, const Subject& subject);

  std::size_t size() const { return source_->size(); }
  datasets::PictureSet load(const std::vector<std::uint32_t>& numbers) const;
  // `limit` of them at most, each in the middle of its equal share, as limits of manifests; 0: all.
  datasets::PictureSet spread(std::int64_t limit) const;

 private:
  SplitPictures(const core::Json& job, const Subject& subject, datasets::DatasetSpec spec, datasets::Split split);

  datasets::DatasetSpec spec_;
  std::unique_ptr<datasets::Source> source_;
  models::Resizing resizing_;
  bool of_run_;  // prepared as its manifest says
  int threads_;
  std::string what_;  // is read, for the progress
};

}  // namespace automask::harness::package_tool
