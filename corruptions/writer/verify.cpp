// Every file against its index: there, of the right size, of the right SHA-256.
#include <fmt/format.h>

#include <atomic>
#include <fstream>
#include <map>
#include <mutex>

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

// One index and the files it speaks of, picture by picture or shard by shard.
class Check {
 public:
  Check(const std::filesystem::path& index, int threads, const WriterHooks& hooks, Verdict& verdict)
      : folder_(index.parent_path()), threads_(threads), hooks_(hooks), verdict_(verdict) {
    header_ = read_index(index, [&](PictureRecord record) {
      if (record.error.empty()) records_.push_back({record.number, std::move(record)});
    });
    for (const Json& condition : header_.at("conditions")) folders_.push_back(condition.at("folder"));
    // A picture done twice stands twice in a journal; the last line counts.
    std::stable_sort(records_.begin(), records_.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    for (std::size_t i = 0; i + 1 < records_.size();)
      records_[i].first == records_[i + 1].first ? void(records_.erase(records_.begin() + std::ptrdiff_t(i)))
                                                 : void(++i);
  }

  void run() { header_.at("layout") == "folder" ? files() : shards(); }

 private:
  void files() {
    std::atomic<std::size_t> done{0};
    core::parallel_for(records_.size(), threads_, [&](std::size_t i) {
      if (hooks_.stop()) return;
      const PictureRecord& record = records_[i].second;
      for (std::size_t k = 0; k < folders_.size(); ++k) file(folder_ / folders_[k] / record.name, record.files.at(k));
      tell(++done);
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
    const auto per_shard = header_.at("pictures_per_shard").get<std::size_t>();
    std::map<std::size_t, std::pair<std::size_t, std::size_t>> blocks;  // block -> [first, last) of records_
    for (std::size_t i = 0; i < records_.size(); ++i) {
      auto& range = blocks.try_emplace(records_[i].first / per_shard, i, i).first->second;
      range.second = i + 1;
    }
    std::vector<std::pair<std::size_t, std::size_t>> work;  // block, condition
    for (const auto& [block, range] : blocks)
      for (std::size_t k = 0; k < folders_.size(); ++k) work.emplace_back(block, k);
    std::atomic<std::size_t> done{0};
    core::parallel_for(work.size(), threads_, [&](std::size_t i) {
      if (hooks_.stop()) return;
      const auto& [block, k] = work[i];
      shard(folder_ / folders_[k] / shard_name(block), blocks.at(block), k);
      tell(++done * records_.size() / work.size());
    });
  }

  void shard(const std::filesystem::path& path, std::pair<std::size_t, std::size_t> range, std::size_t k) {
    std::map<std::string, const FileRecord*> wanted;
    for (std::size_t i = range.first; i < range.second; ++i)
      wanted[member_name(records_[i].second.name)] = &records_[i].second.files.at(k);
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
  void tell(std::size_t done) {
    const std::lock_guard lock(mutex_);
    if (done % 64 == 0 || done == records_.size()) hooks_.progress({done, records_.size(), 0, 0});
  }

  const std::filesystem::path folder_;
  const int threads_;
  const WriterHooks& hooks_;
  Verdict& verdict_;
  std::mutex mutex_;
  Json header_;
  std::vector<std::string> folders_;
  std::vector<std::pair<std::size_t, PictureRecord>> records_;
};

}  // namespace

Verdict verify(const std::filesystem::path& destination, int threads, const WriterHooks& hooks) {
  const auto indexes = indexes_in(destination);
  if (indexes.empty())
    throw Error(ExitCode::usage, destination.string(), "holds no index of written variants",
                "name the folder that `automask corrupt` wrote");
  Verdict verdict;
  for (const auto& index : indexes) {
    if (index.extension() != ".jsonl") ++verdict.unfinished;
    Check(index, threads, hooks, verdict).run();
  }
  std::sort(verdict.faults.begin(), verdict.faults.end());
  return verdict;
}

Json to_json(const Verdict& verdict) {
  return {{"files", verdict.files}, {"missing", verdict.missing},       {"changed", verdict.changed},
          {"good", verdict.good()}, {"unfinished", verdict.unfinished}, {"faults", verdict.faults}};
}

}  // namespace automask::corruptions
