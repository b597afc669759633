#include "corruptions/writer/written.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <unordered_map>

#include "core/atomic_file.h"
#include "core/error.h"
#include "corruptions/writer/encode.h"
#include "corruptions/writer/sink.h"
#include "corruptions/writer/tar.h"

namespace automask::corruptions {

using core::Error;
using core::ExitCode;
using core::Json;

struct WrittenVariants::Shard {
  explicit Shard(const std::filesystem::path& file) : tar(file) {
    for (std::size_t i = 0; i < tar.members().size(); ++i) members.emplace(tar.members()[i].path, i);
  }
  datasets::Tar tar;
  std::unordered_map<std::string, std::size_t> members;
};

struct WrittenVariants::Shards {
  std::mutex mutex;
  std::map<std::pair<std::size_t, std::size_t>, Shard> opened;  // of one condition at a time
};

bool holds_written_variants(const std::filesystem::path& folder) { return !indexes_in(folder).empty(); }

WrittenVariants::WrittenVariants(std::filesystem::path folder)
    : folder_(std::move(folder)), shards_(std::make_shared<Shards>()) {
  std::size_t listed = 0;
  for (const auto& index : indexes_in(folder_)) {
    if (is_journal(index))
      throw Error(ExitCode::usage, index.string(), "is unfinished", "go on with `automask corrupt ... --resume`");
    std::int64_t usable = 0;
    const auto record = [&](const PictureRecord& picture) {
      ++listed;
      if (picture.error.empty()) pictures_.push_back({picture.number, picture.label, picture.path, picture.name});
    };
    const Json header = read_index(index, record, &usable);
    if (usable != static_cast<std::int64_t>(std::filesystem::file_size(index)))
      throw Error(ExitCode::corrupt, index.string(), "is cut off or damaged after " + std::to_string(listed) + " lines",
                  "do the pictures that it lacks again with `automask corrupt ... --resume`");
    if (!header_.is_null()) require_same_job(index, header, header_);
    header_ = header;
  }
  if (header_.is_null())
    throw Error(ExitCode::usage, folder_.string(), "holds no index of written variants",
                "name the folder that `automask corrupt` wrote");
  if (const std::size_t wanted = header_.at("pictures"); listed != wanted)
    throw Error(ExitCode::usage, folder_.string(),
                "holds " + std::to_string(listed) + " of " + std::to_string(wanted) + " pictures",
                "write the other parts, too: --shard i/n");
  std::sort(pictures_.begin(), pictures_.end(), [](const Picture& a, const Picture& b) { return a.number < b.number; });
  for (const Json& condition : header_.at("conditions")) {
    conditions_.push_back(condition.at("condition"));
    folders_.push_back(condition.at("folder"));
  }
  if (header_.at("layout") == "shards") per_shard_ = header_.at("pictures_per_shard");
}

const WrittenVariants::Shard& WrittenVariants::shard(std::size_t k, std::size_t block) const {
  const std::lock_guard lock(shards_->mutex);
  const auto found = shards_->opened.find({k, block});
  if (found != shards_->opened.end()) return found->second;
  return shards_->opened.try_emplace({k, block}, folder_ / folders_[k] / shard_name(block)).first->second;
}

cv::Mat WrittenVariants::load(std::size_t k, std::size_t i) const {
  const Picture& picture = pictures_[i];
  if (per_shard_ == 0) {
    const auto file = folder_ / folders_[k] / picture.name;
    return decode(core::read_file(file), file.string());
  }
  const Shard& from = shard(k, picture.number / per_shard_);
  const std::string name = member_name(picture.name), where = from.tar.name() + ": " + name;
  const auto member = from.members.find(name);
  if (member == from.members.end()) throw Error(ExitCode::steps_failed, where, "is missing", "write it again");
  return decode(from.tar.read(member->second), where);
}

}  // namespace automask::corruptions
