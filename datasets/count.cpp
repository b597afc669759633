#include "datasets/count.h"

#include <algorithm>
#include <fstream>

#include "core/atomic_file.h"
#include "core/error.h"
#include "datasets/imagenet.h"
#include "datasets/labels.h"

namespace automask::datasets {
namespace {

constexpr std::int64_t idx_header = 8, cifar_picture = 3 * 32 * 32;

// Of a .gz what its last four bytes say it unpacks to (RFC 1952, section 2.3.1).
std::int64_t unpacked_bytes(const std::filesystem::path& file) {
  if (file.extension() != ".gz") return static_cast<std::int64_t>(std::filesystem::file_size(file));
  std::ifstream in(file, std::ios::binary);
  in.seekg(-4, std::ios::end);
  std::int64_t bytes = 0;
  for (int i = 0; i < 4; ++i) bytes |= std::int64_t{static_cast<unsigned char>(in.get())} << (8 * i);
  return in ? bytes : 0;
}

std::int64_t all_pictures(const DatasetSpec& spec, const std::vector<std::filesystem::path>& files) {
  if (spec.reader == "image_folder") return static_cast<std::int64_t>(files.size());
  std::int64_t count = 0;
  for (const auto& file : files) {
    if (spec.reader == "cifar") {  // one label before a picture, or two (CIFAR-100)
      const std::int64_t bytes = unpacked_bytes(file);
      count += bytes % (cifar_picture + 2) == 0 ? bytes / (cifar_picture + 2) : bytes / (cifar_picture + 1);
    }
    // One byte a label.
    if (spec.reader == "idx" && file.filename().string().find("labels") != std::string::npos)
      count += std::max<std::int64_t>(unpacked_bytes(file) - idx_header, 0);
  }
  return count;
}

}  // namespace

std::optional<int> class_count(const DatasetSpec& asked) {
  try {
    const DatasetSpec spec = located(asked);
    if (!spec.classes.empty()) return static_cast<int>(spec.classes.size());
    if (!spec.class_list.empty()) {
      const auto list = spec.root / spec.class_list;
      return static_cast<int>(parse_class_list(core::read_file(list), list.string()).ids.size());
    }
    if (spec.reader == "image_folder") return static_cast<int>(folder_classes(spec, Split::test).size());
  } catch (const core::Error&) {
  } catch (const std::filesystem::filesystem_error&) {
  }
  return std::nullopt;  // the step that reads them says what is wrong
}

std::optional<std::int64_t> picture_count(const DatasetSpec& asked, Split split) {
  try {
    const DatasetSpec spec = located(asked);  // what a folder of ImageNet holds
    const bool training = split == Split::train || split == Split::validation;
    const std::int64_t held_out = training ? spec.validation : spec.calibration;
    std::int64_t count = all_pictures(spec, files(spec, split));
    if (count == 0) return std::nullopt;
    if (split == Split::validation || split == Split::calibration) return std::min(held_out, count);
    count = std::max<std::int64_t>(count - held_out, 0);
    const std::int64_t limit = training ? spec.limit_train : spec.limit_test;
    return limit > 0 ? std::min(limit, count) : count;
  } catch (const core::Error&) {
    return std::nullopt;  // the step that reads them says what is wrong
  } catch (const std::filesystem::filesystem_error&) {
    return std::nullopt;
  }
}

}  // namespace automask::datasets
