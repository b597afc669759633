#include "harness/package_tool/pictures.h"

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "core/hash.h"
#include "core/parallel.h"
#include "datasets/dataset.h"
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

int resize_of(const Subject& subject) {
  return subject.checkpoint ? subject.checkpoint->resizing.resize : subject.package->input_resize;
}
datasets::Interpolation interpolation_of(const Subject& subject) {
  const bool bicubic = subject.checkpoint ? subject.checkpoint->resizing.interpolation == models::Interpolation::bicubic
                                          : subject.package->input_bicubic;
  return bicubic ? datasets::Interpolation::bicubic : datasets::Interpolation::bilinear;
}

DatasetSpec plain_spec(const Subject& subject, const std::string& folder, const std::string& classes) {
  DatasetSpec spec;
  spec.name = fs::path(folder).filename().string();
  spec.reader = reader_of(folder);
  spec.root = folder;
  spec.channels = subject.input().channels;
  spec.height = subject.input().height;
  spec.width = subject.input().width;
  spec.resize = resize_of(subject);
  if (spec.reader.empty() || spec.reader == "image_folder") spec.class_list = classes;
  return spec;
}

struct Opened {
  DatasetSpec spec;
  std::unique_ptr<datasets::Source> source;
};

Opened open_split(const core::Json& job, const Subject& subject, Split split) {
  const std::string folder = job.at("data").at("folder");
  if (!subject.run.is_null()) {
    core::Json entry = subject.run.at("data");
    if (!folder.empty()) entry["path"] = folder;
    const std::string name = subject.run.at("dataset");
    Opened opened{DatasetSpec::from_json({entry, "the run's manifest", "/datasets/" + name, ExitCode::usage}, name),
                  {}};
    opened.source = datasets::open(opened.spec, split);
    return opened;
  }
  if (folder.empty())
    throw Error(ExitCode::usage, subject.name, "needs pictures, and says nothing of where they are",
                "name them with --data DIR");
  Opened opened{plain_spec(subject, folder, job.at("data").at("classes")), {}};
  datasets::SourceOptions options;
  options.class_list = opened.spec.class_list;
  opened.source =
      opened.spec.reader.empty() ? datasets::open_source(folder, options) : datasets::open(opened.spec, split);
  return opened;
}

}  // namespace

bool has_pictures(const core::Json& job, const Subject& subject) {
  return !subject.run.is_null() || !job.at("data").at("folder").get<std::string>().empty();
}

datasets::PictureSet load_pictures(const core::Json& job, const Subject& subject, Split split, std::int64_t limit) {
  const Opened opened = open_split(job, subject, split);
  const DatasetSpec& spec = opened.spec;
  const auto& source = opened.source;
  if (spec.channels != subject.input().channels || spec.height != subject.input().height ||
      spec.width != subject.input().width)
    throw Error(ExitCode::usage, spec.root.string(), "has pictures of another size than the network's input",
                "give the pictures that it was trained for");
  const std::size_t all = source->size();
  if (all == 0)
    throw Error(ExitCode::usage, spec.root.string(), "holds no pictures of the split " + std::string(to_string(split)),
                "check --data and --split");
  const std::size_t count = limit > 0 ? std::min(static_cast<std::size_t>(limit), all) : all;
  datasets::PictureSet set;
  set.height = spec.height;
  set.width = spec.width;
  set.channels = spec.channels;
  set.classes = source->classes();
  set.pixels.resize(count * set.picture_bytes());
  set.labels.resize(count);
  set.ids.resize(count);
  const auto interpolation = interpolation_of(subject);
  tool_progress("read " + std::string(to_string(split)), 0, static_cast<double>(count));
  core::parallel_for(count, job.at("threads"), [&](std::size_t i) {
    const std::size_t from =
        (2 * i + 1) * all / (2 * count);  // in the middle of its equal share, as limits of manifests
    const cv::Mat picture = source->picture(from);
    DatasetSpec as_is = spec;  // elsewhere, pictures of the input's size are neither enlarged nor cut
    if (subject.run.is_null() && picture.rows == spec.height && picture.cols == spec.width) as_is.resize = 0;
    const cv::Mat ready = datasets::preprocess(picture, as_is, interpolation);
    std::memcpy(set.picture(i).data(), ready.data, set.picture_bytes());
    set.labels[i] = source->label(from);
    set.ids[i] = core::hash64(source->id(from));
    if (set.labels[i] < 0)
      throw Error(ExitCode::usage, source->where(from), "has no label", "put pictures into class folders");
  });
  return set;
}

}  // namespace automask::harness::package_tool
