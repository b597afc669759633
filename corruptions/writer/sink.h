#pragma once
// Where encoded pictures go: one file each, or tar shards.
#include <memory>
#include <string>
#include <vector>

#include "corruptions/writer/index.h"
#include "corruptions/writer/job.h"

namespace automask::corruptions {

class Sink {
 public:
  virtual ~Sink() = default;
  // One picture under every condition, in the job's order; an empty list for one that was left out. Called from many
  // threads, each number once, and numbers are begun in rising order. May wait until earlier numbers have arrived.
  // When it returns, or when `written` was called for it, the files are complete under their final names.
  virtual void put(const PictureRecord& record, std::vector<std::string> files) = 0;
  virtual void stop() = 0;    // lets waiting calls return: an earlier number will not come
  virtual void finish() = 0;  // all have come
};

// `written` is called, one call at a time, for each picture whose files have their final names.
using Written = std::function<void(const PictureRecord&)>;
std::unique_ptr<Sink> make_folder_sink(const WriterJob& job, Written written);
// `numbers`: those that will come, rising; blocks are those of the whole source, so that shards are the same for any
// division into parts. `classes`: names by label.
std::unique_ptr<Sink> make_shard_sink(const WriterJob& job, std::vector<std::size_t> numbers, std::size_t pictures,
                                      std::vector<std::string> classes, Written written);

// "shard-000012.tar", under a condition's folder.
std::string shard_name(std::size_t block);

// Creates folder / relative one by one. Error(usage) where a part of it is a symbolic link or no folder: nothing is
// written outside of `folder`.
void create_folders_inside(const std::filesystem::path& folder, const std::filesystem::path& relative);

}  // namespace automask::corruptions
