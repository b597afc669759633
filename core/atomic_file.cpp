#include "core/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/error.h"

namespace automask::core {
namespace {

constexpr std::size_t buffer_limit = 1 << 20;

// Unique per process and call, so that two writers of one file don't share a temporary.
std::filesystem::path temporary_name(const std::filesystem::path& path) {
  static std::atomic<unsigned> count{0};
  std::filesystem::path name = path;
  name += ".tmp." + std::to_string(::getpid()) + "." + std::to_string(count++);
  return name;
}

const char* remedy_for(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return "free some space or choose another place with --store, then start again: finished work is kept";
    case EFBIG:
      return "raise the limit on file sizes (ulimit -f) or choose another place with --store";
    case EACCES:
    case EROFS:
    case EPERM:
      return "choose a writable place with --store";
    default:
      return "";
  }
}

}  // namespace

AtomicFile::AtomicFile(std::filesystem::path path) : path_(std::move(path)) {
  // A process killed earlier may have had the same id (always so in a container) and left its temporary behind.
  do {
    temporary_ = temporary_name(path_);
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  } while (descriptor_ < 0 && errno == EEXIST);
  if (descriptor_ < 0) fail("created");
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
    ::unlink(temporary_.c_str());
  }
}

void AtomicFile::fail(const std::string& doing) const {
  const int error = errno;
  throw Error(ExitCode::steps_failed, path_.string(), "cannot be " + doing + ": " + std::strerror(error),
              remedy_for(error));
}

namespace {

bool write_all(int descriptor, const char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t written = ::write(descriptor, data, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    data += written;
    size -= static_cast<std::size_t>(written);
  }
  return true;
}

}  // namespace

void AtomicFile::write(const void* data, std::size_t size) {
  buffer_.append(static_cast<const char*>(data), size);
  if (buffer_.size() < buffer_limit) return;
  if (!write_all(descriptor_, buffer_.data(), buffer_.size())) fail("written");
  buffer_.clear();
}

void AtomicFile::commit() {
  if (!write_all(descriptor_, buffer_.data(), buffer_.size())) fail("written");
  buffer_.clear();
  if (::fsync(descriptor_) != 0) fail("flushed to disk");
  // Some file systems report a full disk only here.
  const int closed = ::close(std::exchange(descriptor_, -1));
  if (closed != 0 || ::rename(temporary_.c_str(), path_.c_str()) != 0) {
    const int error = errno;
    ::unlink(temporary_.c_str());
    errno = error;
    fail("put in place");
  }
  const auto folder = path_.has_parent_path() ? path_.parent_path() : std::filesystem::path(".");
  if (const int directory = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); directory >= 0) {
    ::fsync(directory);
    ::close(directory);
  }
}

void write_file_atomically(const std::filesystem::path& path, std::string_view bytes) {
  if (path.has_parent_path()) {
    std::error_code error;
    std::filesystem::create_directories(path.parent_path(), error);
    if (error)
      throw Error(ExitCode::steps_failed, path.parent_path().string(), "cannot be created: " + error.message(),
                  remedy_for(error.value()));
  }
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

std::string read_file(const std::filesystem::path& path) {
  const auto fail = [&](int error) {
    throw Error(ExitCode::steps_failed, path.string(), std::string("cannot be read: ") + std::strerror(error));
  };
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail(errno);
  std::string bytes;
  std::size_t filled = 0;
  struct stat status {};
  // One byte more than the file claims to hold, so that the next read sees its end.
  if (::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode))
    bytes.resize(static_cast<std::size_t>(status.st_size) + 1);
  for (;;) {
    // Pipes and /proc claim no size; files may grow while they are read.
    if (filled == bytes.size()) bytes.resize(std::max<std::size_t>(filled + filled / 2, filled + 4096));
    const ssize_t got = ::read(descriptor, &bytes[filled], bytes.size() - filled);
    if (got == 0) break;
    if (got > 0) {
      filled += static_cast<std::size_t>(got);
    } else if (errno != EINTR) {
      const int error = errno;
      ::close(descriptor);
      fail(error);
    }
  }
  ::close(descriptor);
  bytes.resize(filled);
  return bytes;
}

}  // namespace automask::core
