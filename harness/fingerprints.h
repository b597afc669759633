#pragma once
// Digests of the data sets' files, kept in the store so that planning need not read the data each time.
#include <filesystem>
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

  // Writes what was added. A store that cannot be written is no reason to fail: the digests are computed again.
  void save() const;

 private:
  std::filesystem::path file_;
  core::Json entries_ = core::Json::object();
  bool changed_ = false;
};

}  // namespace automask::harness
