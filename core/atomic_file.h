#pragma once
// Files appear whole or not at all: temporary name in the same folder, fsync, rename, fsync of the folder.
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace automask::core {

// A file being written. Without commit() nothing appears under `path` and the temporary file is removed.
// Throws Error(steps_failed) naming the path and the cause (no space left, no permission).
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(const void* data, std::size_t size);
  void write(std::string_view bytes) { write(bytes.data(), bytes.size()); }
  // Flush, fsync, rename over `path`. Afterwards the file is there whatever happens.
  void commit();

 private:
  [[noreturn]] void fail(const std::string& doing) const;

  std::filesystem::path path_, temporary_;
  int descriptor_ = -1;
  std::string buffer_;
};

// Creates the parent folders as needed.
void write_file_atomically(const std::filesystem::path& path, std::string_view bytes);

// The whole file; Error(steps_failed) when it cannot be read.
std::string read_file(const std::filesystem::path& path);

}  // namespace automask::core
