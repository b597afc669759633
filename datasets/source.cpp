#include "datasets/source.h"

#include <algorithm>

#include "core/error.h"
#include "datasets/files.h"
#include "datasets/idx.h"
#include "datasets/names.h"
#include "datasets/walk.h"

namespace automask::datasets {
namespace {

namespace fs = std::filesystem;
using core::Error;
using core::ExitCode;

// Relative, sorted by bytes.
std::vector<std::string> relative_pictures(const fs::path& folder) {
  std::vector<std::string> paths;
  for (const fs::path& path : pictures_below(folder)) paths.push_back(path.lexically_relative(folder).generic_string());
  std::sort(paths.begin(), paths.end());
  return paths;
}

fs::path idx_labels_beside(const fs::path& images) {
  std::string name = images.filename().string();
  const std::string what = "images-idx3";
  const auto at = name.find(what);
  if (at != name.npos) name.replace(at, what.size(), "labels-idx1");
  if (name.ends_with(".gz")) name.resize(name.size() - 3);
  std::error_code error;
  for (const char* suffix : {"", ".gz"})
    if (fs::path path = images.parent_path() / (name + suffix); fs::is_regular_file(path, error)) return path;
  throw Error(ExitCode::steps_failed, (images.parent_path() / name).string(), "is missing, with and without .gz",
              "the labels must lie beside the pictures");
}

}  // namespace

std::unique_ptr<Source> open_source(const std::string& location, const SourceOptions& options) {
  std::error_code error;
  // A file may have braces in its name.
  if (fs::is_directory(location, error))
    return labelled_files(files_in_folder(location, relative_pictures(location)), options);
  std::vector<fs::path> paths;
  if (fs::exists(location, error)) {
    paths.emplace_back(location);
  } else {
    for (const std::string& name : expand_braces(location)) paths.emplace_back(name);
  }
  for (const fs::path& path : paths)
    if (!fs::is_regular_file(path, error))
      throw Error(ExitCode::steps_failed, path.string(), fs::exists(path, error) ? "is no file" : "is missing",
                  "name a folder, tar archives, CIFAR batches or an IDX file");
  const auto all = [&](auto&& property) {
    return std::all_of(paths.begin(), paths.end(), [&](const fs::path& p) { return property(p.filename().string()); });
  };
  if (all([](const std::string& name) { return is_tar_name(name); })) {
    auto files = files_in_tars(paths);
    return holds_samples(*files) ? shard_samples(std::move(files), options) : labelled_files(std::move(files), options);
  }
  if (all([](const std::string& name) { return name.ends_with(".bin"); })) return open_cifar(paths, options);
  if (paths.size() == 1 && paths[0].filename().string().find("images-idx3") != std::string::npos)
    return open_idx(paths[0], idx_labels_beside(paths[0]), options);
  throw Error(ExitCode::steps_failed, paths.front().string(), "is no data set that is known by its name",
              "name a folder, .tar archives, CIFAR's .bin batches or an images-idx3 file");
}

}  // namespace automask::datasets
