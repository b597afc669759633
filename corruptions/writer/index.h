#pragma once
// The index of written variants: JSON Lines, a header first and then one line per picture, in the order of the source.
// While a job runs it is a journal beside its final name, in the order in which pictures were finished; a line in it
// means that the picture's files are on the disk. A journal survives being cut off anywhere.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/json.h"
#include "corruptions/writer/parts.h"

namespace automask::corruptions {

struct FileRecord {
  std::int64_t bytes = 0;
  std::string sha256;
  std::int64_t encoded_bytes = -1;  // of the chain's last codec; -1 where it has none
};

struct PictureRecord {
  std::size_t number = 0;         // position in the source, after --subset
  std::string path;               // in the source
  int label = -1;                 // -1: the source has none
  std::string name;               // of its files in every condition's folder, or its key in the shards
  std::string error;              // why the picture was left out; then there are no files
  std::vector<FileRecord> files;  // one per condition, in the header's order
};
core::Json to_json(const PictureRecord& record);
PictureRecord picture_record_from_json(const core::Json& json);

// Calls `record` for each whole line after the header and returns the header; a cut off or damaged last line ends the
// reading and `usable_bytes` says where. Error(corrupt) names the file where the header itself cannot be read.
core::Json read_index(const std::filesystem::path& file, const std::function<void(PictureRecord)>& record,
                      std::int64_t* usable_bytes = nullptr);

// Error(usage) that names the first field in which the jobs differ.
void require_same_job(const std::filesystem::path& file, const core::Json& found, const core::Json& wanted);

// Every index in a folder, final or not, of any part.
std::vector<std::filesystem::path> indexes_in(const std::filesystem::path& folder);

class Journal {
 public:
  // Goes on with an existing journal of the same job, else starts one; locked against a second process. Error(usage)
  // where it is another job's or divided otherwise, where it may not be resumed, or where another process is at it.
  Journal(std::filesystem::path folder, Part part, core::Json header, bool resume);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  bool finished() const { return finished_; }  // the final index was there
  bool done(std::size_t number) const { return number < states_.size() && states_[number] != State::open; }
  std::size_t left_out() const;  // of those done: pictures that could not be read

  void add(const PictureRecord& record);             // buffered
  void forget(std::size_t first, std::size_t last);  // before any add(): numbers in [first, last) were not done
  void flush();                                      // everything written before is on the disk, then these lines are
  void finish();                                     // writes the final index in order and removes the journal

 private:
  enum class State : std::uint8_t { open, written, left_out };
  void mark(const PictureRecord& record);
  void open(bool resume);
  bool write_all(const std::string& text);
  void remove_leftovers() const;

  std::filesystem::path folder_, journal_, final_;
  core::Json header_;
  int descriptor_ = -1, folder_descriptor_ = -1;
  bool finished_ = false;
  std::int64_t size_ = 0;      // of the journal's whole lines
  std::vector<State> states_;  // by picture number; grows as needed
  std::string buffer_;
};

}  // namespace automask::corruptions
