#pragma once
// A variant: every picture of a set under one condition. In memory and on disk it has the same bytes,
// whatever the number of threads.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "corruptions/condition.h"
#include "corruptions/edition.h"
#include "datasets/picture_set.h"

namespace automask::corruptions {

struct VariantOptions {
  std::uint64_t seed = 0;
  std::string split = "test";
  std::uint32_t view = 0;
  int threads = 1;
  OperatorSettings settings = {};
};

struct Variant {
  datasets::PictureSet pictures;
  std::vector<std::int64_t> encoded_bytes;  // per picture, of the last codec in the chain; empty without a codec
};

// `clean` may be read one at a time; the variant is in memory.
Variant make_variant(const datasets::PictureSet& clean, const Condition& condition, const VariantOptions& options);

// The same pictures, each made whenever it is read: for sets that memory does not hold twice. `clean` must outlive
// them.
datasets::PictureSet variant_on_demand(const datasets::PictureSet& clean, const Condition& condition,
                                       const VariantOptions& options);

// One picture under one condition, written to `out` (clean.picture_bytes() bytes): what the trainer calls.
void corrupt_picture(const datasets::PictureSet& clean, std::size_t index, const Condition& condition,
                     const VariantOptions& options, std::uint8_t* out);
// The same of other pixels [H, W, C] in that picture's place, e.g. of the picture mirrored.
void corrupt_pixels(const datasets::PictureSet& clean, std::size_t index, const std::uint8_t* pixels,
                    const Condition& condition, const VariantOptions& options, std::uint8_t* out);

// Makes the variant of `clean` and writes it into `folder` as a picture set and index.json (condition, seed, operator
// parameters, library versions, bytes, SHA-256 per file), some pictures at a time: memory holds 64 MiB of them. What
// was an index before is removed first and the new one comes last, so its presence means the variant is whole. Returns
// Variant::encoded_bytes. `progress` is told how many pictures are done and may throw.
std::vector<std::int64_t> write_variant(const datasets::PictureSet& clean, const Condition& condition,
                                        const VariantOptions& options, const std::filesystem::path& folder,
                                        const std::function<void(std::size_t done)>& progress = {});

}  // namespace automask::corruptions
