#include "core/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/atomic_file.h"

namespace automask::core {

MappedFile::MappedFile(const std::filesystem::path& path, ExitCode code) {
  const auto fail = [&](int error) {
    throw Error(code, path.string(), std::string("cannot be read: ") + std::strerror(error), "check the path");
  };
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail(errno);
  struct stat status {};
  const bool known = ::fstat(descriptor, &status) == 0;
  if (known && S_ISREG(status.st_mode) && status.st_size > 0) {
    const auto size = static_cast<std::size_t>(status.st_size);
    // Populated at once, since a page fault per 4 KiB costs more than the pages; but for files that may not fit into
    // memory, or of which little may be read.
    constexpr std::size_t populated = std::size_t{1} << 30;
    const int flags = MAP_PRIVATE | (size <= populated ? MAP_POPULATE : 0);
    void* address = ::mmap(nullptr, size, PROT_READ, flags, descriptor, 0);
    if (address != MAP_FAILED) {
      address_ = address;
      mapping_ = {static_cast<const char*>(address), size};
    }
  }
  ::close(descriptor);
  if (known && S_ISDIR(status.st_mode)) fail(EISDIR);
  if (address_ == nullptr) copy_ = read_file(path);
}

MappedFile::~MappedFile() {
  if (address_ != nullptr) ::munmap(address_, mapping_.size());
}

}  // namespace automask::core
