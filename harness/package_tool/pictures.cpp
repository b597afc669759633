#include "harness/package_tool/pictures.h"

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "core/hash.h"
#include "core/parallel.h"
#include "datasets/dataset.h"
#include "harness/steps/prepared_picture.h"
#include "harness/tool.h"
#include "models/zoo.h"

namespace automask::harness::package_tool {
namespace {

namespace fs = std::filesystem;
using core::Error;
using core::ExitCode;
using datasets::DatasetSpec;
using datasets::Split;

bool any_file(const fs::path& folder, std::initializer_list<const char*> names) {
  std::error_code error;
  return std::any_of(names.begin(), names.end(), [&](const char* name) { return fs::exists(folder / name, error); });
}

// The reader of a folder whose files tell the splits; empty for all else.
std::string reader_of(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) return "";
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().filename().string().find("-images-idx3-ubyte") != std::string::npos) return "idx";
  if (any_file(folder, {"data_batch_1.bin", "test_batch.bin", "train.bin", "test.bin"})) return "cifar";
  return any_file(folder, {"train", "test", "val"}) ? "image_folder" : "";
}

models::Resizing resizing_of(const Subject& subject) {
  if (subject.checkpoint) return subject.checkpoint->resizing;
  return {subject.package->input_resize,
          subject.package->input_bicubic ? models::Interpolation::bicubic : models::Interpolation::bilinear};
}

DatasetSpec plain_spec(const Subject& subject, const std::string& folder, const std::string& classes) {
  DatasetSpec spec;
  spec.name = fs::path(folder).filename().string();
  spec.reader = reader_of(folder);
  spec.root = folder;
  spec.channels = subject.input().channels;
  spec.height = subject.input().height;
  spec.width = subject.input().width;
  if (spec.reader.empty() || spec.reader == "image_folder") spec.class_list = classes;
  return spec;
}

DatasetSpec spec_of(const core::Json& job, const Subject& subject) {
  const std::string folder = job.at("data").at("folder");
  if (subject.run.is_null()) {
    if (folder.empty())
      throw Error(ExitCode::usage, subject.name, "needs pictures, and says nothing of where they are",
                  "name them with --data DIR");
    return plain_spec(subject, folder, job.at("data").at("classes"));
  }
  core::Json entry = subject.run.at("data");
  if (!folder.empty()) entry["path"] = folder;
  const std::string name = subject.run.at("dataset");
  return DatasetSpec::from_json({entry, "the run's manifest", "/datasets/" + name, ExitCode::usage}, name);
}

std::unique_ptr<datasets::Source> open_split(const DatasetSpec& spec, Split split) {
  if (!spec.reader.empty()) return datasets::open(spec, split);
  datasets::SourceOptions options;
  options.class_list = spec.class_list;
  return datasets::open_source(spec.root.string(), options);
}

}  // namespace

bool has_pictures(const core::Json& job, const Subject& subject) {
  return !subject.run.is_null() || !job.at("data").at("folder").get<std::string>().empty();
}

SplitPictures::SplitPictures(const core::Json& job, const Subject& subject, Split split)
    : SplitPictures(job, subject, spec_of(job, subject), split) {}

SplitPictures SplitPictures::for_calibration(const core::Json& job, const Subject& subject) {
  DatasetSpec spec = spec_of(job, subject);
  const Split split = datasets::calibration_split(spec);
  return {job, subject, std::move(spec), split};
}

SplitPictures::SplitPictures(const core::Json& job, const Subject& subject, DatasetSpec spec, Split split)
    : spec_(std::move(spec)),
      source_(open_split(spec_, split)),
      resizing_(resizing_of(subject)),
      of_run_(!subject.run.is_null()),
      threads_(job.at("threads")),
      what_("read " + std::string(to_string(split))) {
  if (spec_.channels != subject.input().channels || spec_.height != subject.input().height ||
      spec_.width != subject.input().width)
    throw Error(ExitCode::usage, spec_.root.string(), "has pictures of another size than the network's input",
                "give the pictures that it was trained for");
  if (size() == 0)
    throw Error(ExitCode::usage, spec_.root.string(), "holds no pictures of the split " + std::string(to_string(split)),
                "check --data and --split");
}

datasets::PictureSet SplitPictures::load(const std::vector<std::uint32_t>& numbers) const {
  datasets::PictureSet set;
  set.height = spec_.height;
  set.width = spec_.width;
  set.channels = spec_.channels;
  set.classes = source_->classes();
  set.pixels.resize(numbers.size() * set.picture_bytes());
  set.labels.resize(numbers.size());
  set.ids.resize(numbers.size());
  tool_progress(what_, 0, static_cast<double>(numbers.size()));
  core::parallel_for(numbers.size(), threads_, [&](std::size_t i) {
    const cv::Mat picture = source_->picture(numbers[i]);
    const cv::Mat ready = of_run_ ? datasets::preprocess(picture, spec_, steps::interpolation_of(resizing_))
                                  : steps::prepared_picture(picture, spec_, resizing_);
    std::memcpy(set.picture(i).data(), ready.data, set.picture_bytes());
    set.labels[i] = source_->label(numbers[i]);
    set.ids[i] = core::hash64(source_->id(numbers[i]));
    if (set.labels[i] < 0)
      throw Error(ExitCode::usage, source_->where(numbers[i]), "has no label", "put pictures into class folders");
  });
  return set;
}

datasets::PictureSet SplitPictures::spread(std::int64_t limit) const {
  const std::size_t all = size(), count = limit > 0 ? std::min(static_cast<std::size_t>(limit), all) : all;
  std::vector<std::uint32_t> numbers;
  for (std::size_t i = 0; i < count; ++i)
    numbers.push_back(static_cast<std::uint32_t>((2 * i + 1) * all / (2 * count)));
  return load(numbers);
}

}  // namespace automask::harness::package_tool
