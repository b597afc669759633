#include "datasets/image_folder.h"

#include <algorithm>
#include <opencv2/imgcodecs.hpp>

#include "core/atomic_file.h"
#include "core/error.h"

namespace automask::datasets {
namespace {

using core::Error;
using core::ExitCode;

[[noreturn]] void fail(const std::string& file, const std::string& problem) {
  throw Error(ExitCode::steps_failed, file, problem, "replace or remove this picture");
}

// Walks the marker segments up to the entropy-coded data, then looks for the end marker, which that data cannot hold.
// A search of the whole file would find the end marker of an EXIF thumbnail.
bool jpeg_is_whole(std::string_view bytes) {
  std::size_t at = 2;
  while (at + 4 <= bytes.size()) {
    if (bytes[at] != '\xff') return false;
    const auto marker = static_cast<unsigned char>(bytes[at + 1]);
    if (marker == 0xFF) {  // padding
      ++at;
      continue;
    }
    const std::size_t length =
        std::size_t{static_cast<unsigned char>(bytes[at + 2])} << 8 | static_cast<unsigned char>(bytes[at + 3]);
    at += 2 + length;
    if (marker == 0xDA) return at < bytes.size() && bytes.find("\xff\xd9", at) != std::string_view::npos;
  }
  return false;
}

void swap_red_and_blue(cv::Mat& picture) {
  for (int y = 0; y < picture.rows; ++y) {
    auto* row = picture.ptr<cv::Vec3b>(y);
    for (int x = 0; x < picture.cols; ++x) std::swap(row[x][0], row[x][2]);
  }
}

class ImageFolder : public Dataset {
 public:
  ImageFolder(const DatasetSpec& spec, Split split) : root_(spec.root), paths_(files(spec, split)) {
    const auto folders = folder_classes(spec, split);
    const auto folder = split_folder(spec, split);
    if (!spec.classes.empty() && spec.classes.size() != folders.size())
      throw Error(ExitCode::invalid_manifest, "data set " + spec.name,
                  "names " + std::to_string(spec.classes.size()) + " classes for the " +
                      std::to_string(folders.size()) + " class folders under " + spec.root.string(),
                  "name every class in the order of its folder, or leave \"classes\" out");
    classes_ = spec.classes.empty() ? folders : spec.classes;
    for (const auto& path : paths_) {
      const std::string name = path.lexically_relative(folder).begin()->string();
      const auto found = std::lower_bound(folders.begin(), folders.end(), name);
      if (found == folders.end() || *found != name)
        throw Error(ExitCode::invalid_manifest, (folder / name).string(), "is a class that train lacks",
                    "keep the same class folders in train and " + folder.filename().string());
      labels_.push_back(static_cast<int>(found - folders.begin()));
    }
  }

  std::size_t size() const override { return paths_.size(); }
  int label(std::size_t i) const override { return labels_.at(i); }
  std::string id(std::size_t i) const override { return paths_.at(i).lexically_relative(root_).generic_string(); }
  cv::Mat picture(std::size_t i) const override {
    return decode_picture(core::read_file(paths_.at(i)), paths_.at(i).string());
  }
  const std::vector<std::string>& classes() const override { return classes_; }

 private:
  std::filesystem::path root_;
  std::vector<std::filesystem::path> paths_;
  std::vector<int> labels_;
  std::vector<std::string> classes_;
};

}  // namespace

cv::Mat decode_picture(std::string_view bytes, const std::string& file) {
  const bool jpeg = bytes.starts_with("\xff\xd8"), png = bytes.starts_with("\x89PNG\r\n\x1a\n");
  if (!jpeg && !png) fail(file, bytes.empty() ? "is empty" : "is neither a JPEG nor a PNG picture");
  // A PNG ends with an IEND chunk; OpenCV accepts files that lack their last rows.
  if (jpeg ? !jpeg_is_whole(bytes) : bytes.rfind("IEND") == std::string_view::npos)
    fail(file, "is a truncated picture");
  cv::Mat picture;
  try {
    const cv::Mat raw(1, static_cast<int>(bytes.size()), CV_8UC1, const_cast<char*>(bytes.data()));
    picture = cv::imdecode(raw, cv::IMREAD_ANYCOLOR | cv::IMREAD_IGNORE_ORIENTATION);
  } catch (const cv::Exception& error) {
    fail(file, "cannot be decoded: " + error.err);
  }
  if (picture.empty()) fail(file, "cannot be decoded");
  if (picture.channels() == 3) swap_red_and_blue(picture);
  return picture;
}

std::unique_ptr<Dataset> open_image_folder(const DatasetSpec& spec, Split split) {
  return std::make_unique<ImageFolder>(spec, split);
}

}  // namespace automask::datasets
