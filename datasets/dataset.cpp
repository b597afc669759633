#include "datasets/dataset.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <span>

#include "core/error.h"
#include "core/hash.h"
#include "core/parallel.h"
#include "datasets/files.h"
#include "datasets/idx.h"
#include "datasets/imagenet.h"

namespace automask::datasets {
namespace {

using core::Error;
using core::ExitCode;

// `count` of [0, total), each in the middle of its equal share; ascending.
std::vector<std::size_t> spread(std::size_t count, std::size_t total) {
  std::vector<std::size_t> picked(count);
  for (std::size_t i = 0; i < count; ++i) picked[i] = (2 * i + 1) * total / (2 * count);
  return picked;
}

// [0, total) without `out`, which is ascending.
std::vector<std::size_t> without(const std::vector<std::size_t>& out, std::size_t total) {
  std::vector<std::size_t> kept;
  kept.reserve(total - out.size());
  auto next = out.begin();
  for (std::size_t i = 0; i < total; ++i) {
    if (next != out.end() && *next == i) {
      ++next;
    } else {
      kept.push_back(i);
    }
  }
  return kept;
}

// Which of the `total` pictures in the files belong to the split.
std::vector<std::size_t> members(const DatasetSpec& spec, Split split, std::size_t total) {
  const auto limited = [](std::vector<std::size_t> all, std::int64_t limit) {
    if (limit <= 0 || static_cast<std::size_t>(limit) >= all.size()) return all;
    auto picked = spread(static_cast<std::size_t>(limit), all.size());
    for (std::size_t& i : picked) i = all[i];
    return picked;
  };
  if (split == Split::test || split == Split::calibration) {
    if (static_cast<std::size_t>(spec.calibration) >= total)
      throw Error(ExitCode::invalid_manifest, "data set " + spec.name,
                  "\"calibration\" is " + std::to_string(spec.calibration) + ", which leaves none of the " +
                      std::to_string(total) + " test pictures",
                  "give a smaller number");
    const auto held_out = spread(static_cast<std::size_t>(spec.calibration), total);
    return split == Split::calibration ? held_out : limited(without(held_out, total), spec.limit_test);
  }
  if (static_cast<std::size_t>(spec.validation) >= total)
    throw Error(ExitCode::invalid_manifest, "data set " + spec.name,
                "\"validation\" is " + std::to_string(spec.validation) + ", which leaves none of the " +
                    std::to_string(total) + " training pictures",
                "give a smaller number");
  const auto held_out = spread(static_cast<std::size_t>(spec.validation), total);
  if (split == Split::train) return limited(without(held_out, total), spec.limit_train);
  if (held_out.empty())
    throw Error(ExitCode::invalid_manifest, "data set " + spec.name, "has no validation pictures",
                "hold some out of train, for example with \"validation\": " + std::to_string((total + 9) / 10));
  return held_out;
}

class Subset : public Source {
 public:
  Subset(std::unique_ptr<Source> all, std::vector<std::size_t> members)
      : all_(std::move(all)), members_(std::move(members)) {}
  std::size_t size() const override { return members_.size(); }
  int label(std::size_t i) const override { return all_->label(members_.at(i)); }
  std::string id(std::size_t i) const override { return all_->id(members_.at(i)); }
  cv::Mat picture(std::size_t i) const override { return all_->picture(members_.at(i)); }
  std::string read(std::size_t i) const override { return all_->read(members_.at(i)); }
  std::string where(std::size_t i) const override { return all_->where(members_.at(i)); }
  const std::vector<std::string>& classes() const override { return all_->classes(); }
  const std::vector<std::string>& skipped() const override { return all_->skipped(); }

 private:
  std::unique_ptr<Source> all_;
  std::vector<std::size_t> members_;
};

std::unique_ptr<Source> open_all(const DatasetSpec& spec, Split split) {
  SourceOptions options;
  options.classes = spec.classes;
  options.subfolder = spec.subfolder;
  for (const auto& [role, file] : label_files(spec, split)) {
    if (role == "class_list") options.class_list = file;
    if (role == "ground_truth") options.ground_truth = file;
    if (role == "ilsvrc_ids") options.ilsvrc_ids = file;
  }
  const auto paths = files(spec, split);
  if (spec.reader == "idx") return open_idx(paths[0], paths[1], options);
  if (spec.reader == "cifar") return open_cifar(paths, options);
  if (spec.reader == "tar") return labelled_files(files_in_tars(paths), options);
  if (spec.reader == "webdataset") return shard_samples(files_in_tars(paths), options);
  std::vector<std::string> relative;
  for (const auto& path : paths) relative.push_back(path.lexically_relative(spec.root).generic_string());
  const std::string below = split_folder(spec, split).lexically_relative(spec.root).generic_string();
  options.subfolder = below == "." ? "" : below;
  const auto folders = spec.class_list.empty() ? folder_classes(spec, split) : std::vector<std::string>{};
  return labelled_files(files_in_folder(spec.root, std::move(relative)), options, folders, true);
}

void require_labels(const Source& source) {
  for (std::size_t i = 0; i < source.size(); ++i)
    if (source.label(i) < 0)
      throw Error(ExitCode::steps_failed, source.where(i), "has no label", "add a .cls or a \"label\" to its .json");
}

std::vector<std::uint32_t> all_of(const Source& source) {
  std::vector<std::uint32_t> all(source.size());
  std::iota(all.begin(), all.end(), 0U);
  return all;
}

PictureSet without_pixels(const Source& source, const std::vector<std::uint32_t>& pictures, const DatasetSpec& spec) {
  PictureSet set;
  set.height = spec.height;
  set.width = spec.width;
  set.channels = spec.channels;
  set.classes = source.classes();
  for (const std::uint32_t picture : pictures) {
    set.labels.push_back(source.label(picture));
    set.ids.push_back(core::hash64(source.id(picture)));
  }
  return set;
}

void read_prepared(const Source& source, std::size_t picture, const DatasetSpec& spec, std::span<std::uint8_t> pixels) {
  const cv::Mat prepared = preprocess(source.picture(picture), spec);
  std::memcpy(pixels.data(), prepared.data, pixels.size());
}

void read_all(const Source& source, const std::vector<std::uint32_t>& pictures, const DatasetSpec& spec, int threads,
              PictureSet& set) {
  set.pixels.resize(pictures.size() * set.picture_bytes());
  core::parallel_for(pictures.size(), threads,
                     [&](std::size_t i) { read_prepared(source, pictures[i], spec, set.picture(i)); });
}

class SourceReader : public PictureReader {
 public:
  SourceReader(std::shared_ptr<const Source> source, DatasetSpec spec)
      : source_(std::move(source)), spec_(std::move(spec)) {}
  void read(std::size_t i, std::uint8_t* pixels) const override {
    read_prepared(*source_, i, spec_, {pixels, std::size_t(spec_.height) * spec_.width * spec_.channels});
  }

 private:
  std::shared_ptr<const Source> source_;
  DatasetSpec spec_;
};

}  // namespace

std::unique_ptr<Source> open(const DatasetSpec& asked, Split split) {
  const DatasetSpec spec = located(asked);
  auto all = open_all(spec, split);
  require_labels(*all);
  auto picked = members(spec, split, all->size());
  return std::make_unique<Subset>(std::move(all), std::move(picked));
}

PictureSet load(const Source& source, const DatasetSpec& spec, int threads) {
  return load(source, all_of(source), spec, threads);
}

PictureSet load(const Source& source, const std::vector<std::uint32_t>& pictures, const DatasetSpec& spec,
                int threads) {
  PictureSet set = without_pixels(source, pictures, spec);
  read_all(source, pictures, spec, threads, set);
  return set;
}

PictureSet load_or_read(std::shared_ptr<const Source> source, const DatasetSpec& spec, int threads,
                        std::uint64_t most_bytes) {
  const auto all = all_of(*source);
  PictureSet set = without_pixels(*source, all, spec);
  if (set.picture_bytes() * set.size() <= most_bytes) {
    read_all(*source, all, spec, threads, set);
  } else {
    set.reader = std::make_shared<const SourceReader>(std::move(source), spec);
  }
  return set;
}

}  // namespace automask::datasets
