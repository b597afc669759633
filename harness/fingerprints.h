#pragma once
// Digests of the data sets' files, kept in the store so that planning need not read the data each time.
#include <filesystem>
#include <functional>
#include <string>

#include "core/json.h"
#include "datasets/spec.h"

namespace automask::harness {

class Fingerprints {
 public:
  // Reads what `file` holds; a missing or damaged file is an empty one.
  explicit Fingerprints(std::filesystem::path file);

  // datasets::fingerprint(), from the cache where paths, sizes and times of modification of all files are as they
  // were. Error(invalid_manifest) where data is missing, with the remedy.
  std::string of(const datasets::DatasetSpec& spec, datasets::Split split);

  // SHA-256 of one file, likewise.
  std::string of_file(const std::filesystem::path& path);

  // Writes what was added. A store that cannot be written is no reason to fail: the digests are computed again.
  void save() const;

 private:
  // What stands under the name with this stamp, else what `compute` says, which is kept.
  std::string kept(const std::string& name, const std::string& stamp, const std::function<std::string()>& compute);

  std::filesystem::path file_;
  core::Json entries_ = core::Json::object();
  bool changed_ = false;
};

}  // namespace automask::harness
