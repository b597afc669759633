#pragma once
// Where encoded pictures go: one file each, or tar shards.
#include <memory>
#include <string>
#include <vector>

#include "corruptions/writer/index.h"
#include "corruptions/writer/job.h"

namespace automask::corruptions {

// Takes each file as soon as it is encoded: one picture under 75 conditions may need hundreds of megabytes. Called from
// many threads, for one picture from one thread; pictures are begun in rising order of their numbers.
class Sink {
 public:
  virtual ~Sink() = default;
  // A picture under the k-th condition, in the job's order. Of the record number, path, label and name count. May wait
  // until earlier numbers have arrived.
  virtual void add(const PictureRecord& record, std::size_t k, std::string file) = 0;
  // The picture is complete, or was left out (record.error): then what was added of it is taken back. When `written` is
  // called for it, its files are complete under their final names.
  virtual void end(const PictureRecord& record) = 0;
  virtual void stop() = 0;    // lets waiting calls return: an earlier number will not come
  virtual void finish() = 0;  // returns when all that ended is written; throws what went wrong
};

// `written` is called, one call at a time, for each picture that ended.
using Written = std::function<void(const PictureRecord&)>;
std::unique_ptr<Sink> make_folder_sink(const WriterJob& job, Written written);
// `numbers`: those that will come, rising; blocks are those of the whole source, so that shards are the same for any
// division into parts. `classes`: names by label.
std::unique_ptr<Sink> make_shard_sink(const WriterJob& job, std::vector<std::size_t> numbers, std::size_t pictures,
                                      std::vector<std::string> classes, Written written);

// "shard-000012.tar", under a condition's folder.
std::string shard_name(std::size_t block);

// The members of a shard that describe a picture: KEY.json and, with a label, KEY.cls.
struct Description {
  std::string json, label;
};
Description describe(const PictureRecord& record, const Condition& condition, const std::vector<std::string>& classes);

// Creates folder / relative one by one. Error(usage) where a part of it is a symbolic link or no folder: nothing is
// written outside of `folder`.
void create_folders_inside(const std::filesystem::path& folder, const std::filesystem::path& relative);

}  // namespace automask::corruptions
