#pragma once
// Written variants, read back: what `automask corrupt` left in a folder, in the order of its source.
#include <memory>
#include <opencv2/core.hpp>
#include <string>
#include <vector>

#include "core/json.h"
#include "corruptions/writer/index.h"
#include "datasets/tar.h"

namespace automask::corruptions {

// True where a folder holds an index, finished or not.
bool holds_written_variants(const std::filesystem::path& folder);

class WrittenVariants {
 public:
  // All parts must be there and finished: Error(usage) otherwise, Error(corrupt) for a damaged index.
  explicit WrittenVariants(std::filesystem::path folder);

  const core::Json& header() const { return header_; }
  const std::vector<std::string>& conditions() const { return conditions_; }  // canonical
  std::size_t size() const { return pictures_.size(); }                       // without those that were left out
  const std::string& path(std::size_t i) const { return pictures_[i].path; }  // in the source
  int label(std::size_t i) const { return pictures_[i].label; }
  // Picture i under condition k: CV_8UC1 or CV_8UC3 (RGB). Thread-safe. Error(steps_failed) names the file.
  cv::Mat load(std::size_t k, std::size_t i) const;

 private:
  struct Picture {
    std::size_t number;
    int label;
    std::string path, name;
  };
  // Opened when first asked for; its members stand in the order in which they were written.
  struct Shard;
  const Shard& shard(std::size_t k, std::size_t block) const;

  std::filesystem::path folder_;
  core::Json header_;
  std::vector<std::string> conditions_, folders_;
  std::vector<Picture> pictures_;
  std::size_t per_shard_ = 0;  // 0: one file a picture
  struct Shards;
  std::shared_ptr<Shards> shards_;
};

}  // namespace automask::corruptions
