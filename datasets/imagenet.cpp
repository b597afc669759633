#include "datasets/imagenet.h"

#include <algorithm>

#include "core/error.h"
#include "datasets/names.h"

namespace automask::datasets {
namespace {

namespace fs = std::filesystem;

constexpr const char* class_lists[] = {"imagenet_synsets.txt", "synset_words.txt", "LOC_synset_mapping.txt"};

bool of_imagenet(const std::string& name) {
  return name.find("imagenet") != std::string::npos || name.find("ILSVRC") != std::string::npos;
}

// WordNet ids name ImageNet's folders: "n01440764".
bool is_class_folder(const fs::directory_entry& entry) {
  const std::string name = entry.path().filename().string();
  return entry.is_directory() && name.size() == 9 && name[0] == 'n' &&
         std::all_of(name.begin() + 1, name.end(), [](char c) { return c >= '0' && c <= '9'; });
}

[[noreturn]] void fail(const DatasetSpec& spec, const std::string& problem) {
  throw core::Error(core::ExitCode::invalid_manifest, spec.root.string(), problem,
                    "point at ImageNet with --data " + spec.name +
                        "=DIR: a folder with val/ in it, one of class folders, or a .tar of class folders");
}

}  // namespace

DatasetSpec located(const DatasetSpec& spec) {
  if (spec.reader != "imagenet" || spec.root.empty()) return spec;
  DatasetSpec found = spec;
  std::error_code error;
  if (fs::is_regular_file(spec.root, error) && is_tar_name(spec.root.filename().string())) {
    found.reader = "tar";
    found.test_files = spec.root.filename().string();
    found.root = spec.root.parent_path();
  } else if (!fs::is_directory(spec.root, error)) {
    fail(spec, fs::exists(spec.root, error) ? "is neither a folder nor an archive" : "is missing");
  } else if (fs::is_directory(spec.root / "val", error) || fs::is_directory(spec.root / "test", error)) {
    found.reader = "image_folder";
  } else {
    std::vector<std::string> archives;
    bool classes = false;
    for (const auto& entry : fs::directory_iterator(spec.root, error)) {
      classes = classes || is_class_folder(entry);
      if (entry.is_regular_file() && is_tar_name(entry.path().filename().string()))
        archives.push_back(entry.path().filename().string());
    }
    if (error) fail(spec, "cannot be listed: " + error.message());
    std::sort(archives.begin(), archives.end());
    if (classes) {
      found.reader = "image_folder";
      found.test_files = ".";
    } else if (archives.empty()) {
      fail(spec, "holds neither val/ nor class folders nor an archive");
    } else {
      if (archives.size() > 1 && std::count_if(archives.begin(), archives.end(), of_imagenet) == 1)
        archives = {*std::find_if(archives.begin(), archives.end(), of_imagenet)};
      if (archives.size() > 1)
        fail(spec, "holds " + std::to_string(archives.size()) + " archives; name one of them, e.g. " +
                       (spec.root / archives.front()).string());
      found.reader = "tar";
      found.test_files = archives.front();
    }
  }
  if (found.class_list.empty())
    for (const char* name : class_lists)
      if (found.class_list.empty() && fs::is_regular_file(found.root / name, error)) found.class_list = name;
  return found;
}

}  // namespace automask::datasets
