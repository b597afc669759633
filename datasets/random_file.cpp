#include "datasets/random_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "core/error.h"

namespace automask::datasets {
namespace {

[[noreturn]] void fail(const std::string& file, const std::string& problem, const std::string& remedy = {}) {
  throw core::Error(core::ExitCode::steps_failed, file, problem, remedy);
}

}  // namespace

RandomFile::RandomFile(const std::filesystem::path& path) : name_(path.string()) {
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor_ < 0) fail(name_, std::string("cannot be read: ") + std::strerror(errno));
  struct stat facts = {};
  if (::fstat(descriptor_, &facts) != 0 || !S_ISREG(facts.st_mode)) {
    ::close(descriptor_);
    fail(name_, "is no file");
  }
  size_ = static_cast<std::uint64_t>(facts.st_size);
}

RandomFile::RandomFile(RandomFile&& other) noexcept
    : name_(std::move(other.name_)), descriptor_(std::exchange(other.descriptor_, -1)), size_(other.size_) {}

RandomFile::~RandomFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::string RandomFile::read(std::uint64_t offset, std::uint64_t size) const {
  if (offset > size_ || size > size_ - offset) fail(name_, "is truncated", "fetch the file again");
  std::string bytes(size, '\0');
  for (std::uint64_t done = 0; done < size;) {
    const ssize_t got = ::pread(descriptor_, bytes.data() + done, size - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(name_, std::string("cannot be read: ") + std::strerror(errno));
    if (got == 0) fail(name_, "became shorter while it was read", "fetch the file again");
    done += static_cast<std::uint64_t>(got);
  }
  return bytes;
}

}  // namespace automask::datasets
