#include "corruptions/writer/pictures.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <unordered_map>

#include "core/error.h"
#include "core/hash.h"
#include "corruptions/corruption.h"
#include "corruptions/writer/encode.h"
#include "corruptions/writer/tar.h"
#include "datasets/dataset.h"

namespace automask::corruptions {
namespace {

using core::Error;
using core::ExitCode;

bool is_utf8(const std::string& path) {
  try {
    core::Json(path).dump();
    return true;
  } catch (const core::Json::exception&) {
    return false;
  }
}

// Paths come from archives and file systems; what is written from them stays under the destination.
bool stays_inside(const std::string& path) {
  if (path.empty() || path.front() == '/' || path.find('\0') != std::string::npos) return false;
  const std::filesystem::path parts(path);
  return std::none_of(parts.begin(), parts.end(), [](const auto& part) { return part == ".." || part == "."; });
}

}  // namespace

Pictures::Pictures(const WriterJob& job) : job_(job) {
  datasets::SourceOptions options;
  options.class_list = job.class_list;
  options.ground_truth = job.ground_truth;
  options.ilsvrc_ids = job.ilsvrc_ids;
  options.subfolder = job.subfolder;
  options.decode.max_pixels = job.max_pixels;
  source_ = datasets::open_source(job.source, options);
  std::unordered_map<std::string, std::size_t> numbers;
  if (!job.subset.empty()) {
    for (std::size_t i = 0; i < source_->size(); ++i) numbers.emplace(source_->id(i), i);
    std::ifstream list(job.subset);
    if (!list)
      throw Error(ExitCode::usage, job.subset.string(), "cannot be read", "give a text file with one path per line");
    std::string line;
    for (int number = 1; std::getline(list, line); ++number) {
      if (!line.empty() && line.back() == '\r') line.pop_back();
      if (line.empty()) continue;
      const auto found = numbers.find(line);
      if (found == numbers.end())
        throw Error(ExitCode::usage, job.subset.string() + ":" + std::to_string(number),
                    "\"" + line + "\" is not in " + job.source,
                    "name pictures by their path in the source, e.g. " +
                        (source_->size() == 0 ? std::string("class/picture.jpg") : source_->id(0)));
      items_.push_back(found->second);
    }
    std::sort(items_.begin(), items_.end());
    items_.erase(std::unique(items_.begin(), items_.end()), items_.end());
  } else {
    items_.resize(source_->size());
    for (std::size_t i = 0; i < items_.size(); ++i) items_[i] = i;
  }
  if (items_.empty())
    throw Error(ExitCode::usage, job.source, "holds no pictures", "name a folder, a tar file or shards with pictures");

  for (std::size_t i = 0; i < items_.size(); ++i) {
    const char* fault = !stays_inside(path(i)) ? "paths must be relative and without \"..\""
                        : !is_utf8(path(i))    ? "rename it: paths must be UTF-8"
                                               : nullptr;
    if (fault != nullptr) throw Error(ExitCode::usage, job.source, "holds a picture named \"" + path(i) + "\"", fault);
  }
  name_apart();
}

void Pictures::name_apart() {
  apart_.resize(items_.size());
  const auto identity = [&](std::size_t i) {
    const std::string name = file_name(i);
    if (job_.layout == Layout::folder) return name;
    const std::string member = member_name(name);
    return member.substr(0, member.rfind('.'));
  };
  // Whoever is moved out of another's way may come into a third one's, who then moves: until nothing changes.
  for (bool changed = true; changed;) {
    changed = false;
    std::unordered_map<std::string, std::vector<std::size_t>> groups;
    for (std::size_t i = 0; i < items_.size(); ++i) groups[identity(i)].push_back(i);
    for (const auto& [name, group] : groups) {
      const auto by_distance = [&](std::size_t a, std::size_t b) { return apart_[a] < apart_[b]; };
      const int nearest = apart_[*std::min_element(group.begin(), group.end(), by_distance)];
      if (group.size() == 1 || nearest == 2) continue;
      for (const std::size_t i : group)
        if (apart_[i] == nearest) ++apart_[i];
      changed = true;
    }
  }
}

std::string Pictures::path(std::size_t i) const { return source_->id(items_[i]); }
int Pictures::label(std::size_t i) const { return source_->label(items_[i]); }

std::string Pictures::file_name(std::size_t i) const { return file_name(i, apart_[i]); }

std::string Pictures::file_name(std::size_t i, int apart) const {
  const std::string name = path(i), plain = corruptions::file_name(name, job_.output);
  if (apart == 0) return plain;
  const std::string ending = std::filesystem::path(plain).extension().string();
  return apart == 1 ? name + ending : fmt::format("{}-{:016x}{}", name, core::hash64(name), ending);
}

std::string Pictures::fingerprint() const {
  core::Sha256 hash;
  for (std::size_t i = 0; i < size(); ++i)
    hash.update(path(i)).update("\n", 1).update(std::to_string(label(i))).update("\n", 1);
  return hash.hex();
}

cv::Mat Pictures::load(std::size_t i) const {
  const cv::Mat picture =
      datasets::decode_picture(source_->read(items_[i]), source_->where(items_[i]), {.max_pixels = job_.max_pixels});
  return job_.preparation == Preparation::imagenet224 ? datasets::resize_and_centre_crop(picture) : picture;
}

cv::Mat corrupted(const WriterJob& job, const std::string& path, const Condition& condition, const cv::Mat& picture,
                  std::int64_t* encoded_bytes) {
  return apply(condition, picture, {job.seed, job.split, core::hash64(path), 0, job.settings}, encoded_bytes);
}

}  // namespace automask::corruptions
