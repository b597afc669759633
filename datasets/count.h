#pragma once
// How many pictures a split has, and how many classes, told from files' names and sizes, without reading a picture.
#include <cstdint>
#include <optional>

#include "datasets/spec.h"

namespace automask::datasets {

// As load() would give, if the files are whole; nothing where only reading them could tell (archives) or files are
// missing.
std::optional<std::int64_t> picture_count(const DatasetSpec& spec, Split split);

// As open() would name; nothing where only reading the labels could tell, or files are missing.
std::optional<int> class_count(const DatasetSpec& spec);

}  // namespace automask::datasets
