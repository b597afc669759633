#include "corruptions/writer/index.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "core/atomic_file.h"
#include "core/error.h"

namespace automask::corruptions {
namespace {

using core::Error;
using core::ExitCode;
using core::Json;

constexpr std::int64_t reserve = 1 << 18;  // bytes, for the lines until the next flush

[[noreturn]] void fail(const std::filesystem::path& file, const std::string& problem, const std::string& remedy) {
  throw Error(ExitCode::usage, file.string(), problem, remedy);
}

[[noreturn]] void fail_writing(const std::filesystem::path& file) {
  throw Error(ExitCode::steps_failed, file.string(), std::string("cannot be written: ") + std::strerror(errno),
              "free some space or mend the disk, then go on with --resume: finished pictures are kept");
}

// The first field in which two documents differ, as a JSON pointer; empty where they agree.
std::string difference(const Json& found, const Json& wanted) {
  const Json patch = Json::diff(found, wanted);
  return patch.empty() ? "" : patch.front().at("path").get<std::string>();
}

// Where a journal's first line is not whole, nothing was done before it was killed.
bool has_first_line(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::string line;
  return std::getline(in, line) && !in.eof();
}

Json value_at(const Json& json, const std::string& pointer) {
  const Json::json_pointer at(pointer);
  return json.contains(at) ? json.at(at) : Json();
}

}  // namespace

Json to_json(const PictureRecord& record) {
  Json json = {{"i", record.number}, {"path", record.path}};
  if (record.label >= 0) json["label"] = record.label;
  if (!record.error.empty()) {
    json["error"] = record.error;
    return json;
  }
  json["name"] = record.name;
  Json bytes = Json::array(), hashes = Json::array(), encoded = Json::array();
  bool codec = false;
  for (const FileRecord& file : record.files) {
    bytes.push_back(file.bytes);
    hashes.push_back(file.sha256);
    encoded.push_back(file.encoded_bytes < 0 ? Json() : Json(file.encoded_bytes));
    codec |= file.encoded_bytes >= 0;
  }
  json["bytes"] = std::move(bytes);
  json["sha256"] = std::move(hashes);
  if (codec) json["encoded_bytes"] = std::move(encoded);
  return json;
}

PictureRecord picture_record_from_json(const Json& json) {
  PictureRecord record;
  record.number = json.at("i");
  record.path = json.at("path");
  record.label = json.value("label", -1);
  record.error = json.value("error", "");
  if (!record.error.empty()) return record;
  record.name = json.at("name");
  const Json& bytes = json.at("bytes");
  const Json& hashes = json.at("sha256");
  const auto encoded = json.find("encoded_bytes");
  for (std::size_t k = 0; k < bytes.size(); ++k) {
    FileRecord file{bytes.at(k), hashes.at(k)};
    if (encoded != json.end() && !encoded->at(k).is_null()) file.encoded_bytes = encoded->at(k);
    record.files.push_back(std::move(file));
  }
  return record;
}

Json read_index(const std::filesystem::path& file, const std::function<void(PictureRecord)>& record,
                std::int64_t* usable_bytes) {
  std::ifstream in(file, std::ios::binary);
  std::string line;
  std::int64_t usable = 0;
  Json header;
  while (std::getline(in, line)) {
    if (in.eof()) break;  // no line end: cut off
    Json json = Json::parse(line, nullptr, false);
    if (!json.is_object()) break;
    if (usable == 0) {
      if (json.value("automask_index", 0) != 1) break;
      header = std::move(json);
    } else {
      try {
        record(picture_record_from_json(json));
      } catch (const Json::exception&) {
        break;
      }
    }
    usable += static_cast<std::int64_t>(line.size()) + 1;
  }
  if (usable_bytes != nullptr) *usable_bytes = usable;
  if (header.is_null())
    throw Error(ExitCode::corrupt, file.string(), "is no index of written variants",
                "choose another destination, or remove the file");
  return header;
}

void require_same_job(const std::filesystem::path& file, const Json& found, const Json& wanted) {
  const std::string pointer = difference(found, wanted);
  if (pointer.empty()) return;
  const auto value = [&](const Json& json) {
    const std::string text = value_at(json, pointer).dump();
    return text.size() > 60 ? text.substr(0, 57) + "..." : text;
  };
  fail(file, "belongs to another job: " + pointer + " is " + value(found) + " there and " + value(wanted) + " here",
       "choose another destination, or give the options of that job");
}

std::vector<std::filesystem::path> indexes_in(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> found;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored))
    if (part_of(entry.path())) found.push_back(entry.path());
  std::sort(found.begin(), found.end());
  return found;
}

Journal::Journal(std::filesystem::path folder, Part part, core::Json header, bool resume)
    : folder_(std::move(folder)),
      journal_(folder_ / journal_name(part)),
      final_(folder_ / index_name(part)),
      header_(std::move(header)) {
  for (const auto& other : indexes_in(folder_)) {
    if (std::filesystem::is_symlink(other))
      fail(other, "is a symbolic link, nothing is written through it", "remove it, or choose another destination");
    if (is_journal(other) && !has_first_line(other)) continue;  // killed at its very begin
    require_same_job(other, read_index(other, [](PictureRecord) {}), header_);
    if (const Part there = *part_of(other); there.parts != part.parts)
      fail(other, "divides the job into " + std::to_string(there.parts) + " parts, not " + std::to_string(part.parts),
           "give the same n in --shard i/n, or choose another destination");
  }
  if (std::filesystem::exists(final_)) {
    std::int64_t usable = 0;
    read_index(
        final_, [&](const PictureRecord& record) { mark(record); }, &usable);
    finished_ = usable == static_cast<std::int64_t>(std::filesystem::file_size(final_));
    if (finished_) {
      // Of a process killed when the index was in place and its journal not yet away.
      std::error_code ignored;
      std::filesystem::remove(journal_, ignored);
      remove_leftovers();
      return;
    }
    if (!resume) fail(final_, "is cut off or damaged", "do the pictures that it lacks again with --resume");
    states_.clear();
    std::filesystem::rename(final_, journal_);
  }
  open(resume);
}

void Journal::open(bool resume) {
  if (std::filesystem::exists(journal_) && !resume)
    fail(journal_, "holds an unfinished run of this job", "go on with --resume, or remove the folder to begin anew");
  descriptor_ = ::open(journal_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  folder_descriptor_ = ::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor_ < 0 || folder_descriptor_ < 0) fail_writing(journal_);
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0)
    fail(journal_, "is being written by another process",
         "wait until it has finished, or give each a part: --shard 1/2");
  remove_leftovers();
  if (has_first_line(journal_))
    read_index(
        journal_, [&](const PictureRecord& record) { mark(record); }, &size_);
  if (::ftruncate(descriptor_, size_) != 0 || ::lseek(descriptor_, size_, SEEK_SET) != size_) fail_writing(journal_);
  if (size_ > 0) {
    ::fallocate(descriptor_, FALLOC_FL_KEEP_SIZE, size_, reserve);
    return;
  }
  buffer_ = header_.dump() + "\n";
  flush();
}

// Of an index that was being written when its process was killed.
void Journal::remove_leftovers() const {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, ignored))
    if (entry.path().filename().string().starts_with(final_.filename().string() + ".tmp."))
      std::filesystem::remove(entry.path(), ignored);
}

Journal::~Journal() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (folder_descriptor_ >= 0) ::close(folder_descriptor_);
}

void Journal::mark(const PictureRecord& record) {
  if (record.number >= states_.size()) states_.resize(record.number + 1, State::open);
  states_[record.number] = record.error.empty() ? State::written : State::left_out;
}

std::size_t Journal::left_out() const {
  return static_cast<std::size_t>(std::count(states_.begin(), states_.end(), State::left_out));
}

void Journal::forget(std::size_t first, std::size_t last) {
  for (std::size_t i = first; i < std::min(last, states_.size()); ++i) states_[i] = State::open;
}

void Journal::add(const PictureRecord& record) {
  buffer_ += to_json(record).dump(-1, ' ', false, Json::error_handler_t::replace);
  buffer_ += '\n';
}

void Journal::flush() {
  if (buffer_.empty()) return;
  if (::syncfs(folder_descriptor_) != 0) fail_writing(folder_);
  if (!write_all(buffer_)) {
    // Half a line would end the reading of whatever comes after it.
    const int error = errno;
    if (::ftruncate(descriptor_, size_) == 0) ::lseek(descriptor_, size_, SEEK_SET);
    errno = error;
    fail_writing(journal_);
  }
  size_ += static_cast<std::int64_t>(buffer_.size());
  buffer_.clear();
  if (::fdatasync(descriptor_) != 0) fail_writing(journal_);
  // Where the disk fills up, what was finished until then can still be written down.
  ::fallocate(descriptor_, FALLOC_FL_KEEP_SIZE, size_, reserve);
}

bool Journal::write_all(const std::string& text) {
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t written = ::write(descriptor_, text.data() + done, text.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    done += static_cast<std::size_t>(written);
  }
  return true;
}

void Journal::finish() {
  flush();
  // Only where each picture's line begins is kept in memory; a picture done twice counts with its last line.
  struct Place {
    std::size_t number;
    std::int64_t offset;
  };
  std::vector<Place> places;
  std::ifstream in(journal_, std::ios::binary);
  std::string line;
  std::getline(in, line);
  for (std::int64_t at = in.tellg(); std::getline(in, line); at = in.tellg())
    places.push_back({Json::parse(line).at("i").get<std::size_t>(), at});
  std::stable_sort(places.begin(), places.end(), [](const Place& a, const Place& b) { return a.number < b.number; });
  in.clear();
  core::AtomicFile out(final_);
  out.write(header_.dump() + "\n");
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (i + 1 < places.size() && places[i + 1].number == places[i].number) continue;
    in.seekg(places[i].offset);
    std::getline(in, line);
    out.write(line + "\n");
  }
  out.commit();
  std::filesystem::remove(journal_);
  finished_ = true;
}

}  // namespace automask::corruptions
