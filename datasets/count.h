#pragma once
// How many pictures a split has, told from its files' names and sizes: for estimates, without reading a picture.
#include <cstdint>
#include <optional>

#include "datasets/spec.h"

namespace automask::datasets {

// As load() would give, if the files are whole; nothing where only reading them could tell (archives) or files are
// missing.
std::optional<std::int64_t> picture_count(const DatasetSpec& spec, Split split);

}  // namespace automask::datasets
