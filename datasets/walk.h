#pragma once
// Folders of pictures.
#include <filesystem>
#include <vector>

namespace automask::datasets {

// All picture files below `folder`, as deep as they lie, in no order; by name (names.h). Links are followed, as data
// sets are often made of them; dangling ones are no files. Error(steps_failed) names a folder that cannot be listed and
// a link to a folder that it lies in.
std::vector<std::filesystem::path> pictures_below(const std::filesystem::path& folder);

}  // namespace automask::datasets
