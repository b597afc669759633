#pragma once
// Compiled kernels on disk, by the hash of all that makes them what they are. A file that is damaged is compiled anew;
// a folder that cannot be written only costs time. POSIX, C++14.
#include <string>

namespace automask {
namespace cuda {

class KernelCache {
 public:
  explicit KernelCache(std::string folder) : folder_(std::move(folder)) {}

  // The image stored under `identity` (any text), empty: none.
  std::string find(const std::string& identity) const;
  // Appears whole or not at all.
  void store(const std::string& identity, const std::string& image) const;

 private:
  std::string file_of(const std::string& identity) const;
  std::string folder_;
};

}  // namespace cuda
}  // namespace automask
