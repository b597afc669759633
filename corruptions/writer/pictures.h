#pragma once
// Inside of the writer: the pictures of a job, and one picture's way through it.
#include <memory>
#include <opencv2/core.hpp>
#include <string>
#include <vector>

#include "corruptions/writer/job.h"
#include "datasets/source.h"

namespace automask::corruptions {

// The source after --subset, with the names their files get.
class Pictures {
 public:
  explicit Pictures(const WriterJob& job);

  std::size_t size() const { return items_.size(); }
  std::string path(std::size_t i) const;
  int label(std::size_t i) const;
  std::string where(std::size_t i) const { return source_->where(items_[i]); }  // for messages
  const std::vector<std::string>& classes() const { return source_->classes(); }
  const std::vector<std::string>& skipped() const { return source_->skipped(); }  // members of archives left out
  // Relative, without "..", the same under every condition; unique, for shards as a key of WebDataset, too: a.png and
  // a.jpg become a.png.png and a.jpg.png.
  std::string file_name(std::size_t i) const;
  std::string fingerprint() const;  // of paths and labels, in order
  // Read, decoded and prepared. Error(steps_failed) names the picture.
  cv::Mat load(std::size_t i) const;

 private:
  const WriterJob& job_;
  std::unique_ptr<datasets::Source> source_;
  std::vector<std::size_t> items_;  // numbers in the source
  void name_apart();
  std::string file_name(std::size_t i, int apart) const;
  std::vector<std::uint8_t> apart_;  // 0: the plain name; 1: with the old ending, too; 2: with a hash of its path
};

// A picture under a condition of the job; `encoded_bytes`: of the chain's last codec, -1 where it has none.
cv::Mat corrupted(const WriterJob& job, const std::string& path, const Condition& condition, const cv::Mat& picture,
                  std::int64_t* encoded_bytes);

}  // namespace automask::corruptions
