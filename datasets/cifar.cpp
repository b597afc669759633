// CIFAR-10 and CIFAR-100, binary versions (https://www.cs.toronto.edu/~kriz/cifar.html): records of one label (two of
// CIFAR-100: coarse and fine) and 3,072 values, red, green and blue planes of 32 x 32.
#include <algorithm>
#include <cstdio>
#include <set>

#include "core/atomic_file.h"
#include "core/error.h"
#include "datasets/files.h"
#include "datasets/random_file.h"

namespace automask::datasets {
namespace {

using core::Error;
using core::ExitCode;

constexpr int side = 32;
constexpr std::size_t plane = side * side, values = 3 * plane;

class Cifar : public Source {
 public:
  Cifar(const std::vector<std::filesystem::path>& batches, const SourceOptions& options) {
    std::set<std::string> stems;
    for (const auto& path : batches) {
      files_.emplace_back(path);
      const RandomFile& file = files_.back();
      const std::size_t label_bytes = label_bytes_of(path, file.size());
      if (label_bytes_ != 0 && label_bytes != label_bytes_)
        fail(file.name(), "is of the other CIFAR than the files before it", "give batches of one data set");
      label_bytes_ = label_bytes;
      if (!stems.insert(path.stem().string()).second)
        fail(file.name(), "has the name of a file before it, and names tell the pictures apart", "rename one of them");
      const std::uint64_t record = label_bytes + values, count = file.size() / record;
      // A chunk of records at a time: labels lie between the pictures.
      for (std::uint64_t first = 0; first < count; first += 1000) {
        const std::uint64_t some = std::min<std::uint64_t>(1000, count - first);
        const std::string bytes = file.read(first * record, some * record);
        for (std::uint64_t i = 0; i < some; ++i) {
          const auto label = static_cast<unsigned char>(bytes[i * record + label_bytes - 1]);
          if (label >= (label_bytes == 1 ? 10 : 100))
            fail(file.name() + ": record " + std::to_string(first + i),
                 "has label " + std::to_string(label) + ", which names no class", "fetch the file again");
          labels_.push_back(label);
          places_.push_back({static_cast<std::uint32_t>(files_.size() - 1), static_cast<std::uint32_t>(first + i)});
        }
      }
    }
    classes_ = options.classes;
    const auto folder = batches.front().parent_path();
    const auto names = folder / (label_bytes_ == 1 ? "batches.meta.txt" : "fine_label_names.txt");
    const std::size_t expected = label_bytes_ == 1 ? 10 : 100;
    std::error_code error;
    if (classes_.empty() && std::filesystem::is_regular_file(names, error)) {
      const std::string text = core::read_file(names);
      for (std::size_t start = 0; start < text.size();) {
        const std::size_t end = std::min(text.find_first_of("\r\n", start), text.size());
        if (end > start) classes_.push_back(text.substr(start, end - start));
        start = end + 1;
      }
      if (classes_.size() != expected)
        fail(names.string(),
             "has " + std::to_string(classes_.size()) + " names for " + std::to_string(expected) + " classes",
             "fetch the file again or remove it");
    }
    if (classes_.empty())
      for (std::size_t i = 0; i < expected; ++i) classes_.push_back(std::to_string(i));
    if (classes_.size() != expected)
      throw Error(
          ExitCode::invalid_manifest, files_.front().name(),
          "has " + std::to_string(expected) + " classes, but " + std::to_string(classes_.size()) + " names are given",
          "name all classes or none");
  }

  std::size_t size() const override { return places_.size(); }
  int label(std::size_t i) const override { return labels_.at(i); }
  std::string id(std::size_t i) const override {
    char number[24];
    std::snprintf(number, sizeof number, "/%06u", places_.at(i).record);
    return std::filesystem::path(files_[places_[i].file].name()).stem().string() + number;
  }
  std::string where(std::size_t i) const override {
    return files_[places_.at(i).file].name() + ": record " + std::to_string(places_[i].record);
  }
  std::string read(std::size_t i) const override { return encode_pnm(picture(i)); }
  cv::Mat picture(std::size_t i) const override {
    const Place& place = places_.at(i);
    const std::string bytes = files_[place.file].read(place.record * (label_bytes_ + values) + label_bytes_, values);
    cv::Mat rgb(side, side, CV_8UC3);
    for (std::size_t p = 0; p < plane; ++p)
      for (std::size_t c = 0; c < 3; ++c) rgb.data[3 * p + c] = static_cast<std::uint8_t>(bytes[c * plane + p]);
    return rgb;
  }
  const std::vector<std::string>& classes() const override { return classes_; }

 private:
  struct Place {
    std::uint32_t file, record;
  };
  [[noreturn]] static void fail(const std::string& file, const std::string& problem, const std::string& remedy) {
    throw Error(ExitCode::steps_failed, file, problem, remedy);
  }
  // The size tells the two apart but for multiples of both, where the published names do.
  static std::size_t label_bytes_of(const std::filesystem::path& path, std::uint64_t size) {
    const bool ten = size % (1 + values) == 0, hundred = size % (2 + values) == 0;
    if (size == 0 || (!ten && !hundred))
      fail(path.string(),
           "is no whole CIFAR batch: its " + std::to_string(size) + " bytes are no multiple of 3073 or 3074",
           "fetch the binary version again");
    if (ten && hundred) return path.stem() == "train" || path.stem() == "test" ? 2 : 1;
    return ten ? 1 : 2;
  }

  std::vector<RandomFile> files_;
  std::vector<Place> places_;
  std::vector<std::uint8_t> labels_;
  std::vector<std::string> classes_;
  std::size_t label_bytes_ = 0;
};

}  // namespace

std::unique_ptr<Source> open_cifar(const std::vector<std::filesystem::path>& batches, const SourceOptions& options) {
  return std::make_unique<Cifar>(batches, options);
}

}  // namespace automask::datasets
