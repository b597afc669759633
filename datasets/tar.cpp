#include "datasets/tar.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <deque>
#include <mutex>
#include <optional>
#include <unordered_set>

#include "core/error.h"
#include "core/json.h"
#include "datasets/random_file.h"

namespace automask::datasets {
namespace {

[[noreturn]] void fail(const std::string& file, const std::string& problem,
                       const std::string& remedy = "fetch the file again") {
  throw core::Error(core::ExitCode::steps_failed, file, problem, remedy);
}

constexpr const char* changed = "changed while it was read";
constexpr std::uint64_t block = 512;
constexpr std::uint64_t largest_member = std::uint64_t{1} << 31;  // far above any picture file

// As a JSON string, so that what stands in an archive cannot garble a terminal.
std::string in_quotes(const std::string& text) {
  return core::Json(text).dump(-1, ' ', false, core::Json::error_handler_t::replace);
}

// The path without "." parts, or why it is refused.
std::optional<std::string> safe_path(const std::string& path, std::string& reason) {
  if (path.empty()) reason = "has no name";
  if (path.starts_with('/')) reason = "has an absolute path";
  if (path.find('\0') != std::string::npos) reason = "has a zero byte in its name";
  std::string clean;
  for (std::size_t start = 0; start <= path.size();) {
    const std::size_t end = std::min(path.find('/', start), path.size());
    const std::string part = path.substr(start, end - start);
    start = end + 1;
    if (part == "..") reason = "leads out of the archive by \"..\"";
    if (part.empty() || part == ".") continue;
    clean += (clean.empty() ? "" : "/") + part;
  }
  if (clean.empty() && reason.empty()) reason = "has no name";
  return reason.empty() ? std::optional(clean) : std::nullopt;
}

std::string path_of(archive_entry* entry) {
  // UTF-8 of pax headers cannot always be put in the locale's terms, raw bytes not always in UTF-8.
  const char* path = archive_entry_pathname_utf8(entry);
  if (path == nullptr) path = archive_entry_pathname(entry);
  return path == nullptr ? "" : path;
}

}  // namespace

// A pass over an archive from its front.
class Tar::Stream {
 public:
  explicit Stream(const std::string& file) : file_(file), archive_(archive_read_new()) {
    archive_read_support_format_tar(archive_);
    archive_read_support_filter_gzip(archive_);
    archive_read_support_filter_zstd(archive_);
    archive_read_support_filter_bzip2(archive_);
    archive_read_support_filter_xz(archive_);
    if (archive_read_open_filename(archive_, file.c_str(), 1 << 16) != ARCHIVE_OK) {
      const std::string cause = message();
      archive_read_free(archive_);
      fail(file_, "is no tar archive that can be read: " + cause);
    }
  }
  ~Stream() { archive_read_free(archive_); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Null at the end.
  archive_entry* next() {
    archive_entry* entry = nullptr;
    const int status = archive_read_next_header(archive_, &entry);
    if (status == ARCHIVE_EOF) return nullptr;
    // Warnings are about names in other character sets, which path_of() copes with.
    if (status != ARCHIVE_OK && status != ARCHIVE_WARN)
      fail(file_, "is a damaged or truncated tar archive: " + message());
    return entry;
  }
  bool is_plain() const { return archive_filter_count(archive_) <= 1; }
  // After next(): where the member's bytes start in the unpacked archive.
  std::uint64_t offset() const { return static_cast<std::uint64_t>(archive_filter_bytes(archive_, 0)); }
  std::string read(std::uint64_t size) {
    std::string bytes(size, '\0');
    for (std::uint64_t done = 0; done < size;) {
      const la_ssize_t got = archive_read_data(archive_, bytes.data() + done, size - done);
      if (got <= 0) fail(file_, "is a damaged or truncated tar archive: " + message());
      done += static_cast<std::uint64_t>(got);
    }
    return bytes;
  }

 private:
  std::string message() const {
    const char* text = archive_error_string(archive_);
    return text == nullptr ? "it ends too early" : text;
  }
  std::string file_;
  archive* archive_;
};

struct Tar::Access {
  explicit Access(const std::string& file) : plain(file) {}
  RandomFile plain;
  bool compressed = false;
  // Of compressed archives: the pass in progress, the next member it comes to, and what it went by lately.
  std::mutex mutex;
  std::unique_ptr<Stream> stream;
  std::size_t next = 0;
  std::deque<std::pair<std::size_t, std::string>> window;
  std::uint64_t window_bytes = 0;
};

Tar::Tar(const std::filesystem::path& file) : name_(file.string()), access_(std::make_unique<Access>(name_)) {
  index();
}
Tar::~Tar() = default;
Tar::Tar(Tar&&) noexcept = default;

void Tar::index() {
  if (access_->plain.size() == 0) fail(name_, "is empty");
  Stream stream(name_);
  std::unordered_set<std::string> seen;
  std::uint64_t end = 0;  // of what was read; 0 where it is not known
  while (archive_entry* entry = stream.next()) {
    end = stream.offset();
    if (archive_entry_filetype(entry) == AE_IFDIR && archive_entry_hardlink(entry) == nullptr) continue;
    access_->compressed = !stream.is_plain();
    const std::string raw = path_of(entry);
    std::string reason;
    const auto path = safe_path(raw, reason);
    const auto size = static_cast<std::uint64_t>(std::max<la_int64_t>(archive_entry_size(entry), 0));
    end = archive_entry_sparse_count(entry) > 0 ? 0 : end + (size + block - 1) / block * block;
    if (archive_entry_hardlink(entry) != nullptr || archive_entry_filetype(entry) == AE_IFLNK) {
      reason = "is a link";
    } else if (archive_entry_filetype(entry) != AE_IFREG) {
      reason = "is no regular file";
    } else if (archive_entry_sparse_count(entry) > 0) {
      reason = "is stored with holes";
    } else if (size > largest_member) {
      reason = "is larger than 2 GiB";
    } else if (path && seen.contains(*path)) {
      reason = "stands in the archive twice; the first one counts";
    }
    if (!reason.empty()) {
      skipped_.push_back(name_ + ": member " + in_quotes(raw) + " " + reason + " and is left out");
      continue;
    }
    const std::uint64_t offset = stream.offset();
    if (!access_->compressed && (offset > access_->plain.size() || size > access_->plain.size() - offset))
      fail(name_ + ": " + *path, "is cut off: the archive is truncated");
    seen.insert(*path);
    members_.push_back({*path, offset, size});
  }
  // Cut off between two members, an archive looks whole but for this: two blocks of zeros (POSIX, pax), of which one
  // will do.
  if (end > 0 && stream.offset() < end + block)
    fail(name_, "ends without an end mark: it may be truncated",
         "fetch it again, or if it is whole append the mark: head -c 1024 /dev/zero >> FILE");
}

std::string Tar::read(std::size_t member) const {
  const TarMember& wanted = members_.at(member);
  if (!access_->compressed) return access_->plain.read(wanted.offset, wanted.size);

  constexpr std::uint64_t window_limit = 64 << 20, window_entry = 64;  // small members cost more than their bytes
  const std::lock_guard lock(access_->mutex);
  auto& window = access_->window;
  const auto kept = std::find_if(window.begin(), window.end(), [&](const auto& item) { return item.first == member; });
  if (kept != window.end()) return kept->second;
  if (!access_->stream || member < access_->next) {
    access_->stream = std::make_unique<Stream>(name_);
    access_->next = 0;
  }
  while (true) {
    archive_entry* entry = access_->stream->next();
    if (entry == nullptr) fail(name_, changed, "leave the file alone");
    // Members that were left out are told by their offset.
    if (access_->stream->offset() != members_[access_->next].offset) continue;
    if (archive_entry_size(entry) != static_cast<la_int64_t>(members_[access_->next].size))
      fail(name_, changed, "leave the file alone");
    const std::size_t here = access_->next++;
    std::string bytes = access_->stream->read(members_[here].size);
    if (here == member) return bytes;
    // Other threads may be about to ask for it.
    access_->window_bytes += bytes.size() + window_entry;
    window.emplace_back(here, std::move(bytes));
    while (access_->window_bytes > window_limit && !window.empty()) {
      access_->window_bytes -= window.front().second.size() + window_entry;
      window.pop_front();
    }
  }
}

}  // namespace automask::datasets
