#pragma once
// Pictures of one size, in memory or read one at a time, and their written form (IDX, readable by any IDX reader). No
// OpenCV here.
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace automask::datasets {

// Pictures that lie elsewhere, as a PictureSet's pixels would have them; the same bytes each time. Thread-safe.
class PictureReader {
 public:
  virtual ~PictureReader() = default;
  virtual void read(std::size_t i, std::uint8_t* pixels) const = 0;  // Error(steps_failed) names the file
};

// count x height x width x channels, u8, channels interleaved (RGB order when 3), no padding.
struct PictureSet {
  int height = 0, width = 0, channels = 0;
  std::vector<std::uint8_t> pixels;  // none where there is a reader
  std::vector<int> labels;           // [0, classes)
  std::vector<std::uint64_t> ids;    // core::hash64 of the picture's relative path: keys the random streams
  std::vector<std::string> classes;  // names, index = label
  std::shared_ptr<const PictureReader> reader = nullptr;

  std::size_t size() const { return labels.size(); }
  std::size_t picture_bytes() const { return std::size_t(height) * width * channels; }
  // Of a set in memory alone.
  std::span<const std::uint8_t> picture(std::size_t i) const {
    return {&pixels.at(i * picture_bytes()), picture_bytes()};
  }
  std::span<std::uint8_t> picture(std::size_t i) { return {&pixels[i * picture_bytes()], picture_bytes()}; }
  // Of any set: a picture that is read lies in `memory` then.
  std::span<const std::uint8_t> picture(std::size_t i, std::vector<std::uint8_t>& memory) const;
};

// The pictures of these numbers, in that order, with all that is known of them; in memory.
PictureSet subset(const PictureSet& set, const std::vector<std::uint32_t>& numbers);
// So many of them, evenly spread over the set; all where it has no more.
PictureSet spread(const PictureSet& set, std::size_t count);
// Each picture's bytes, as runners are given them.
std::vector<std::string> as_strings(const PictureSet& set);

// Writes images.idx (u8, [N, H, W] or [N, H, W, C]), labels.idx (u8; i32 where a label exceeds 255) and
// pictures.json (classes, ids) into `folder`, each atomically; reads them back. Errors name the file.
void write_picture_set(const PictureSet& set, const std::filesystem::path& folder);
PictureSet read_picture_set(const std::filesystem::path& folder);

}  // namespace automask::datasets
