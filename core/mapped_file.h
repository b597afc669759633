#pragma once
// A whole file as bytes without copying it: weights and picture sets are large and read once.
#include <filesystem>
#include <string>
#include <string_view>

#include "core/error.h"

namespace automask::core {

// Maps a regular file, reads anything else (a pipe). Error(code) names the path where it cannot be opened. A file that
// another program shortens meanwhile ends the process (SIGBUS), as with every mapping.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path, ExitCode code = ExitCode::usage);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::string_view bytes() const { return address_ == nullptr ? std::string_view(copy_) : mapping_; }

 private:
  void* address_ = nullptr;
  std::string_view mapping_;
  std::string copy_;
};

}  // namespace automask::core
