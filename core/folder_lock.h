#pragma once
#include <filesystem>

namespace automask::core {

// While it lives no other process has one of the same folder; waits for its turn. Leaves no file behind. Without effect
// where the folder is not there or its file system has no locks.
class FolderLock {
 public:
  explicit FolderLock(const std::filesystem::path& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_;
};

}  // namespace automask::core
