#pragma once
// The pictures of a job of `export` or `verify`: those of the run's data set, or of --data.
#include "datasets/picture_set.h"
#include "datasets/spec.h"
#include "harness/package_tool/subject.h"

namespace automask::harness::package_tool {

// Whether the job names any: by "data": {"folder", "classes": a file or ""}, or by a run's manifest.
bool has_pictures(const core::Json& job, const Subject& subject);

// A split's pictures at the network's input size, as the network wants them prepared; `limit` of them at most, spread
// evenly, 0: all. A run's data set is read as its manifest says, from the folder of --data where there is one. Any
// other folder or file is told by its content: IDX files, CIFAR batches, train/ and test/ or val/ with class folders;
// what has no splits (class folders, archives) is every split. Error(usage) where nothing is named or nothing is there.
datasets::PictureSet load_pictures(const core::Json& job, const Subject& subject, datasets::Split split,
                                   std::int64_t limit);

}  // namespace automask::harness::package_tool
