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

// Pictures [first, first + count) into `out`, one after the other; `encoded_bytes` of each, or null.
void corrupt_some(const datasets::PictureSet& clean, std::size_t first, std::size_t count, const Condition& condition,
                  const VariantOptions& options, std::uint8_t* out, std::int64_t* encoded_bytes) {
  core::parallel_for(count, options.threads, [&](std::size_t i) {
    std::vector<std::uint8_t> memory;
    corrupt(clean, first + i, clean.picture(first + i, memory).data(), condition, options,
            out + i * clean.picture_bytes(), encoded_bytes ? encoded_bytes + i : nullptr);
  });
}

// All that is known of the pictures, but for their pixels.
datasets::PictureSet without_pixels(const datasets::PictureSet& set) {
  return {set.height, set.width, set.channels, {}, set.labels, set.ids, set.classes};
}

class OnDemand : public datasets::PictureReader {
 public:
  OnDemand(const datasets::PictureSet& clean, Condition condition, VariantOptions options)
      : clean_(clean), condition_(std::move(condition)), options_(std::move(options)) {}
  void read(std::size_t i, std::uint8_t* pixels) const override {
    corrupt_picture(clean_, i, condition_, options_, pixels);
  }

 private:
  const datasets::PictureSet& clean_;
  Condition condition_;
  VariantOptions options_;
};

}  // namespace

datasets::PictureSet variant_on_demand(const datasets::PictureSet& clean, const Condition& condition,
                                       const VariantOptions& options) {
  datasets::PictureSet set = without_pixels(clean);
  set.reader = std::make_shared<const OnDemand>(clean, condition, options);
  return set;
}

Variant make_variant(const datasets::PictureSet& clean, const Condition& condition, const VariantOptions& options) {
  Variant variant;
  variant.pictures = without_pixels(clean);
  variant.pictures.pixels.resize(clean.size() * clean.picture_bytes());
  if (has_codec(condition)) variant.encoded_bytes.resize(clean.size());
  corrupt_some(clean, 0, clean.size(), condition, options, variant.pictures.pixels.data(),
               variant.encoded_bytes.empty() ? nullptr : variant.encoded_bytes.data());
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

std::vector<std::int64_t> write_variant(const datasets::PictureSet& clean, const Condition& condition,
                                        const VariantOptions& options, const std::filesystem::path& folder,
                                        const std::function<void(std::size_t)>& progress) {
  // An index of an earlier attempt must not vouch for half-new files.
  std::error_code ignored;
  std::filesystem::remove(folder / "index.json", ignored);

  constexpr std::size_t held_bytes = std::size_t{64} << 20;
  const std::size_t held = std::clamp<std::size_t>(held_bytes / clean.picture_bytes(), 1, 10000);
  std::vector<std::int64_t> encoded_bytes(has_codec(condition) ? clean.size() : 0);
  datasets::write_picture_set(without_pixels(clean), folder, [&](const datasets::WritePixels& write) {
    std::vector<std::uint8_t> pixels;
    for (std::size_t first = 0; first < clean.size(); first += held) {
      if (progress) progress(first);
      const std::size_t count = std::min(held, clean.size() - first);
      pixels.resize(count * clean.picture_bytes());
      corrupt_some(clean, first, count, condition, options, pixels.data(),
                   encoded_bytes.empty() ? nullptr : &encoded_bytes[first]);
      write(pixels);
    }
  });

  core::Json index = {{"schema_version", 1},
                      {"condition", condition.canonical()},
                      {"chain", parameters(condition, options.settings.edition)},
                      {"variant", to_string(options.settings.edition)},
                      {"seed", options.seed},
                      {"split", options.split},
                      {"view", options.view},
                      {"pictures", clean.size()},
                      {"size", {clean.channels, clean.height, clean.width}},
                      {"versions", {{"opencv", CV_VERSION}}},
                      {"files", core::Json::object()}};
  if (!encoded_bytes.empty()) index["encoded_bytes"] = encoded_bytes;
  for (const char* name : {"images.idx", "labels.idx", "pictures.json"})
    index["files"][name] = {{"bytes", std::filesystem::file_size(folder / name)},
                            {"sha256", core::sha256_file(folder / name)}};
  core::write_file_atomically(folder / "index.json", index.dump(2) + "\n");
  return encoded_bytes;
}

}  // namespace automask::corruptions
