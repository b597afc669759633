#include "harness/cache.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace automask::harness {
namespace {

namespace fs = std::filesystem;
using core::Json;

constexpr const char* result_name = "result.json";

// What is wrong with a parsed result; empty when nothing is.
std::string fault_of(const Json& json, const Step& step, const fs::path& folder) {
  if (!json.is_object() || json.value("schema_version", 0) != 1) return "is of another version";
  if (json.value("key", "") != step.key) return "belongs to another step";
  if (json.value("state", "") != "passed") return "is not of a passed step";
  for (const char* list : {"metrics", "samples", "artifacts"})
    if (!json.contains(list) || !json[list].is_array()) return std::string("lacks \"") + list + "\"";
  for (const Json& artifact : json["artifacts"]) {
    const std::string name = artifact.value("file", "");
    std::error_code error;
    const auto size = fs::file_size(folder / name, error);
    if (error) return "names " + name + ", which is missing";
    if (static_cast<std::int64_t>(size) != artifact.value("bytes", std::int64_t{-1}))
      return "names " + name + ", whose size has changed";
  }
  return {};
}

StepResult digest(Json json) {
  StepResult result;
  result.seconds = json.value("seconds", 0.0);
  for (const Json& artifact : json["artifacts"]) result.bytes += artifact.value("bytes", std::int64_t{0});
  result.json = std::move(json);
  return result;
}

}  // namespace

StepLock::StepLock(StepLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

StepLock& StepLock::operator=(StepLock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

StepLock::~StepLock() {
  if (descriptor_ >= 0) ::close(descriptor_);  // the lock ends when the child's copy is closed too
}

Cache::Cache(StoreLayout store, std::function<void(const std::string&)> warn)
    : store_(std::move(store)), warn_(std::move(warn)) {}

std::optional<StepResult> Cache::find(const Step& step) const {
  const fs::path at = folder(step);
  const fs::path file = at / result_name;
  if (::access(file.c_str(), F_OK) != 0) return std::nullopt;
  std::string fault;
  try {
    Json json = core::read_json_file(file, core::ExitCode::corrupt);
    fault = fault_of(json, step, at);
    if (fault.empty()) return digest(std::move(json));
  } catch (const core::Error& error) {
    fault = error.problem();
  } catch (const Json::exception&) {
    fault = "has a member of the wrong type";
  }
  if (warn_) warn_(file.string() + ": " + fault + "; " + step.label + " is done again");
  return std::nullopt;
}

std::optional<StepLock> Cache::try_lock(const Step& step) const {
  const fs::path at = folder(step);
  std::error_code error;
  fs::create_directories(at, error);
  const fs::path file = at / "lock";
  const int descriptor = error ? -1 : ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0)
    throw core::Error(core::ExitCode::steps_failed, file.string(),
                      "cannot be created: " + (error ? error.message() : std::string(std::strerror(errno))),
                      "free some space or choose a writable place with --store");
  if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) return StepLock(descriptor);
  const int failure = errno;
  ::close(descriptor);
  if (failure == EWOULDBLOCK) return std::nullopt;
  throw core::Error(core::ExitCode::steps_failed, file.string(),
                    std::string("cannot be locked: ") + std::strerror(failure),
                    "choose a store on a file system with locks");
}

bool Cache::is_locked(const Step& step) const {
  const int descriptor = ::open((folder(step) / "lock").c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return false;
  const bool locked = ::flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  ::close(descriptor);
  return locked;
}

std::vector<Cache::Entry> Cache::newest(Stage stage, std::size_t most) const {
  std::vector<std::pair<fs::file_time_type, fs::path>> found;
  std::error_code error;
  for (fs::directory_iterator it(store_.stage_folder(stage), error), end; !error && it != end; it.increment(error)) {
    std::error_code missing;
    const auto time = fs::last_write_time(it->path() / result_name, missing);
    if (!missing) found.emplace_back(time, it->path());
  }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.first != b.first ? a.first > b.first : a.second < b.second; });
  std::vector<Entry> entries;
  for (const auto& [time, path] : found) {
    if (entries.size() == most) break;
    try {
      Entry entry;
      entry.step = core::read_json_file(path / "step.json");
      const StepResult result = digest(core::read_json_file(path / result_name));
      entry.seconds = result.seconds;
      entry.bytes = result.bytes;
      entries.push_back(std::move(entry));
    } catch (const std::exception&) {
      // Damaged: Cache::find says so where it matters.
    }
  }
  return entries;
}

std::optional<std::string> Cache::last_failure(const Step& step) const {
  const fs::path file = folder(step) / "failure.json";
  if (::access(file.c_str(), F_OK) != 0) return std::nullopt;
  try {
    return core::read_json_file(file).value("reason", "");
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

}  // namespace automask::harness
