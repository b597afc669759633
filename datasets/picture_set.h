#pragma once
// Pictures of one size, in memory, mapped or read one at a time, and their written form (IDX, readable by any IDX
// reader). No OpenCV here.
#include <cstdint>
#include <filesystem>
#include <functional>
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
  std::vector<std::uint8_t> pixels;  // none where they are mapped or there is a reader
  std::vector<int> labels;           // [0, classes)
  std::vector<std::uint64_t> ids;    // core::hash64 of the picture's relative path: keys the random streams
  std::vector<std::string> classes;  // names, index = label
  std::shared_ptr<const PictureReader> reader = nullptr;
  std::span<const std::uint8_t> mapped = {};      // as pixels, in a file that the system reads when it is asked for
  std::shared_ptr<const void> mapping = nullptr;  // holds them

  std::size_t size() const { return labels.size(); }
  std::size_t picture_bytes() const { return std::size_t(height) * width * channels; }
  // Pictures i and following, one after the other; of a set without a reader. std::out_of_range beyond the last.
  std::span<const std::uint8_t> pictures(std::size_t i, std::size_t count) const;
  std::span<const std::uint8_t> picture(std::size_t i) const { return pictures(i, 1); }
  // To be written to; of a set in memory alone.
  std::span<std::uint8_t> picture(std::size_t i) { return {&pixels.at(i * picture_bytes()), picture_bytes()}; }
  // Of any set: a picture that is read lies in `memory` then.
  std::span<const std::uint8_t> picture(std::size_t i, std::vector<std::uint8_t>& memory) const;
};

// The pictures of these numbers, in that order, with all that is known of them; in memory.
PictureSet subset(const PictureSet& set, const std::vector<std::uint32_t>& numbers);
// So many of them, evenly spread over the set; all where it has no more.
PictureSet spread(const PictureSet& set, std::size_t count);
// Each picture's bytes, as runners are given them: of `count` pictures from number `first` on.
std::vector<std::string> as_strings(const PictureSet& set, std::size_t first, std::size_t count);
std::vector<std::string> as_strings(const PictureSet& set);

// Writes images.idx (u8, [N, H, W] or [N, H, W, C]), labels.idx (u8; i32 where a label exceeds 255) and
// pictures.json (classes, ids) into `folder`, each atomically. Errors name the file.
void write_picture_set(const PictureSet& set, const std::filesystem::path& folder);
// The same where the pixels, of all pictures in order, come through `write`, which `pixels` calls as often as it likes.
using WritePixels = std::function<void(std::span<const std::uint8_t>)>;
void write_picture_set(const PictureSet& all_but_pixels, const std::filesystem::path& folder,
                       const std::function<void(const WritePixels& write)>& pixels);
// Reads them back; the pixels are mapped. Errors name the file.
PictureSet read_picture_set(const std::filesystem::path& folder);

}  // namespace automask::datasets
