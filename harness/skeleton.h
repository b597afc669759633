#pragma once
// The files that `automask runners new` writes; they are those of hw_targets/examples, compiled in.
#include <filesystem>
#include <string>
#include <vector>

namespace automask::harness {

// Writes the skeleton of the runner `name` into `folder`, which must not exist or be empty; returns the files' paths.
// `language` is python or cpp. Error(usage) on a name that is no file name, or a folder that is taken.
std::vector<std::filesystem::path> write_skeleton(const std::string& name, const std::string& language,
                                                  const std::filesystem::path& folder);

struct SkeletonFile {
  const char* language;
  const char* name;  // "runner.json" becomes NAME.json
  const char* text;  // @NAME@ stands for the runner's name
};
const std::vector<SkeletonFile>& skeleton_files();

}  // namespace automask::harness
