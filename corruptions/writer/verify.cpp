// Every file against its index: there, of the right size, of the right SHA-256.
#include <fmt/format.h>

#include <map>
#include <mutex>
#include <tuple>

#include "core/error.h"
#include "core/hash.h"
#include "core/parallel.h"
#include "corruptions/writer/index.h"
#include "corruptions/writer/sink.h"
#include "corruptions/writer/tar.h"
#include "corruptions/writer/writer.h"
#include "datasets/tar.h"

namespace automask::corruptions {
namespace {

using core::Error;
using core::ExitCode;
using core::Json;

constexpr std::size_t faults_told = 100;

// At least so many pictures are held at a time: enough to keep the threads busy.
constexpr std::size_t batch = 256;

// One index and the files it speaks of, batch by batch: whole shards, or some pictures.
class Check {
 public:
  Check(const std::filesystem::path& index, int threads, const WriterHooks& hooks, Verdict& verdict)
      : index_(index), folder_(index.parent_path()), threads_(threads), hooks_(hooks), verdict_(verdict) {}

  void run() {
    std::int64_t usable = 0;
    header_ = read_index(
        index_, [](const PictureRecord&) {}, &usable);
    for (const Json& condition : header_.at("conditions")) folders_.push_back(condition.at("folder"));
    if (header_.at("layout") == "shards") per_shard_ = header_.at("pictures_per_shard");
    const std::size_t wanted = numbers_of(*part_of(index_), header_.at("pictures"), per_shard_).size();
    total_ = wanted;
    read_index(index_, [&](PictureRecord record) {
      ++listed_;
      if (!batch_.empty() && batch_.size() >= batch && block_of(record) != block_of(batch_.back())) check();
      if (record.error.empty()) batch_.push_back(std::move(record));
    });
    check();
    if (is_journal(index_)) return;
    if (usable != static_cast<std::int64_t>(std::filesystem::file_size(index_)) || listed_ != wanted) {
      const std::string lacks = fmt::format("{} lists {} of {} pictures", index_.string(), listed_, wanted);
      fault(verdict_.changed, lacks + ": it is cut off or damaged; do the others again with --resume");
    }
  }

 private:
  // Pictures of the same block lie in the same files.
  std::size_t block_of(const PictureRecord& record) const {
    return per_shard_ == 0 ? record.number : record.number / per_shard_;
  }

  void check() {
    if (hooks_.stop()) throw Error(ExitCode::interrupted, "verify " + folder_.string(), "interrupted");
    per_shard_ == 0 ? files() : shards();
    batch_.clear();
    hooks_.progress({listed_, total_, 0, 0});
  }

  void files() {
    core::parallel_for(batch_.size(), threads_, [&](std::size_t i) {
      const PictureRecord& record = batch_[i];
      for (std::size_t k = 0; k < folders_.size(); ++k) file(folder_ / folders_[k] / record.name, record.files.at(k));
    });
  }

  void file(const std::filesystem::path& path, const FileRecord& wanted) {
    std::error_code error;
    const auto size = std::filesystem::file_size(path, error);
    if (error) return fault(verdict_.missing, path.string() + " is missing");
    if (static_cast<std::int64_t>(size) != wanted.bytes)
      return fault(verdict_.changed, fmt::format("{} has {} bytes instead of {}", path.string(), size, wanted.bytes));
    if (core::sha256_file(path) != wanted.sha256)
      return fault(verdict_.changed, path.string() + " has other content than when it was written");
    good();
  }

  void shards() {
    using Range = std::pair<std::size_t, std::size_t>;  // [first, last) of batch_
    std::map<std::size_t, Range> blocks;
    for (std::size_t i = 0; i < batch_.size(); ++i)
      blocks.try_emplace(block_of(batch_[i]), i, i).first->second.second = i + 1;
    std::vector<std::tuple<std::size_t, Range, std::size_t>> work;  // with the condition
    for (const auto& [block, range] : blocks)
      for (std::size_t k = 0; k < folders_.size(); ++k) work.emplace_back(block, range, k);
    core::parallel_for(work.size(), threads_, [&](std::size_t i) {
      const auto& [block, range, k] = work[i];
      shard(folder_ / folders_[k] / shard_name(block), range, k);
    });
  }

  void shard(const std::filesystem::path& path, std::pair<std::size_t, std::size_t> range, std::size_t k) {
    std::map<std::string, const FileRecord*> wanted;
    for (std::size_t i = range.first; i < range.second; ++i)
      wanted[member_name(batch_[i].name)] = &batch_[i].files.at(k);
    if (!std::filesystem::exists(path)) {
      for (std::size_t i = 0; i < wanted.size(); ++i) fault(verdict_.missing, path.string() + " is missing");
      return;
    }
    try {
      const datasets::Tar tar(path);
      for (std::size_t i = 0; i < tar.members().size(); ++i) {
        const std::string& name = tar.members()[i].path;
        const auto found = wanted.find(name);
        if (found == wanted.end()) continue;
        if (core::sha256_hex(tar.read(i)) != found->second->sha256)
          fault(verdict_.changed, path.string() + ": " + name + " has other content than when it was written");
        else
          good();
        wanted.erase(found);
      }
    } catch (const Error& error) {
      fault(verdict_.changed, error.what());
    }
    for (const auto& [name, unused] : wanted) fault(verdict_.missing, path.string() + ": " + name + " is missing");
  }

  void good() {
    const std::lock_guard lock(mutex_);
    ++verdict_.files;
  }
  void fault(std::size_t& counter, const std::string& sentence) {
    const std::lock_guard lock(mutex_);
    ++verdict_.files;
    ++counter;
    if (verdict_.faults.size() < faults_told) verdict_.faults.push_back(sentence);
  }

  const std::filesystem::path index_, folder_;
  const int threads_;
  const WriterHooks& hooks_;
  Verdict& verdict_;
  std::mutex mutex_;
  Json header_;
  std::vector<std::string> folders_;
  std::size_t per_shard_ = 0, listed_ = 0, total_ = 0;
  std::vector<PictureRecord> batch_;
};

}  // namespace

Verdict verify(const std::filesystem::path& destination, int threads, const WriterHooks& hooks) {
  const auto indexes = indexes_in(destination);
  if (indexes.empty())
    throw Error(ExitCode::usage, destination.string(), "holds no index of written variants",
                "name the folder that `automask corrupt` wrote");
  Verdict verdict;
  for (const auto& index : indexes) {
    if (is_journal(index)) ++verdict.unfinished;
    try {
      Check(index, threads, hooks, verdict).run();
    } catch (const Json::exception& error) {
      throw Error(ExitCode::corrupt, index.string(), std::string("is damaged: ") + error.what(),
                  "write the data again");
    } catch (const std::out_of_range&) {
      throw Error(ExitCode::corrupt, index.string(), "is damaged: a picture lacks files", "write the data again");
    }
  }
  std::sort(verdict.faults.begin(), verdict.faults.end());
  return verdict;
}

Json to_json(const Verdict& verdict) {
  return {{"files", verdict.files}, {"missing", verdict.missing},       {"changed", verdict.changed},
          {"good", verdict.good()}, {"unfinished", verdict.unfinished}, {"faults", verdict.faults}};
}

}  // namespace automask::corruptions
