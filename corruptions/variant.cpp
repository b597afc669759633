#include "corruptions/variant.h"

#include <algorithm>
#include <cstring>

#include "core/atomic_file.h"
#include "core/hash.h"
#include "core/parallel.h"
#include "corruptions/corruption.h"

namespace automask::corruptions {
namespace {

bool has_codec(const Condition& condition) {
  return std::any_of(condition.links().begin(), condition.links().end(), [](const Link& link) {
    const auto& infos = operator_infos();
    return std::any_of(infos.begin(), infos.end(),
                       [&](const auto& info) { return info.name == link.name && info.kind == Kind::codec; });
  });
}

void corrupt(const datasets::PictureSet& clean, std::size_t index, const std::uint8_t* pixels,
             const Condition& condition, const VariantOptions& options, std::uint8_t* out,
             std::int64_t* encoded_bytes) {
  if (condition.clean()) {
    std::memcpy(out, pixels, clean.picture_bytes());
    return;
  }
  // A view on the given bytes, which no operator writes to.
  const cv::Mat picture(clean.height, clean.width, clean.channels == 1 ? CV_8UC1 : CV_8UC3,
                        const_cast<std::uint8_t*>(pixels));
  const cv::Mat result =
      apply(condition, picture, {options.seed, options.split, clean.ids[index], options.view, options.settings},
            encoded_bytes);
  std::memcpy(out, result.data, clean.picture_bytes());
}

}  // namespace

Variant make_variant(const datasets::PictureSet& clean, const Condition& condition, const VariantOptions& options) {
  Variant variant;
  auto& set = variant.pictures;
  set.height = clean.height;
  set.width = clean.width;
  set.channels = clean.channels;
  set.labels = clean.labels;
  set.ids = clean.ids;
  set.classes = clean.classes;
  set.pixels.resize(clean.size() * clean.picture_bytes());
  if (has_codec(condition)) variant.encoded_bytes.resize(clean.size());
  core::parallel_for(clean.size(), options.threads, [&](std::size_t i) {
    std::int64_t* encoded_bytes = variant.encoded_bytes.empty() ? nullptr : &variant.encoded_bytes[i];
    std::vector<std::uint8_t> memory;
    corrupt(clean, i, clean.picture(i, memory).data(), condition, options, set.picture(i).data(), encoded_bytes);
  });
  return variant;
}

void corrupt_picture(const datasets::PictureSet& clean, std::size_t index, const Condition& condition,
                     const VariantOptions& options, std::uint8_t* out) {
  std::vector<std::uint8_t> memory;
  corrupt(clean, index, clean.picture(index, memory).data(), condition, options, out, nullptr);
}

void corrupt_pixels(const datasets::PictureSet& clean, std::size_t index, const std::uint8_t* pixels,
                    const Condition& condition, const VariantOptions& options, std::uint8_t* out) {
  corrupt(clean, index, pixels, condition, options, out, nullptr);
}

void write_variant(const Variant& variant, const Condition& condition, const VariantOptions& options,
                   const std::filesystem::path& folder) {
  // An index of an earlier attempt must not vouch for half-new files.
  std::error_code ignored;
  std::filesystem::remove(folder / "index.json", ignored);
  datasets::write_picture_set(variant.pictures, folder);

  const auto& set = variant.pictures;
  core::Json index = {{"schema_version", 1},
                      {"condition", condition.canonical()},
                      {"chain", parameters(condition, options.settings.edition)},
                      {"variant", to_string(options.settings.edition)},
                      {"seed", options.seed},
                      {"split", options.split},
                      {"view", options.view},
                      {"pictures", set.size()},
                      {"size", {set.channels, set.height, set.width}},
                      {"versions", {{"opencv", CV_VERSION}}},
                      {"files", core::Json::object()}};
  if (!variant.encoded_bytes.empty()) index["encoded_bytes"] = variant.encoded_bytes;
  for (const char* name : {"images.idx", "labels.idx", "pictures.json"})
    index["files"][name] = {{"bytes", std::filesystem::file_size(folder / name)},
                            {"sha256", core::sha256_file(folder / name)}};
  core::write_file_atomically(folder / "index.json", index.dump(2) + "\n");
}

}  // namespace automask::corruptions
