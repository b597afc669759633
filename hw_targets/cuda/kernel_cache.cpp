#include "hw_targets/cuda/kernel_cache.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <sstream>

#include "hw_targets/package/sha256.h"

namespace automask {
namespace cuda {
namespace {

constexpr std::size_t hash_digits = 64;

void make_folders(const std::string& folder) {
  for (std::size_t at = folder.find('/', 1); at != std::string::npos; at = folder.find('/', at + 1))
    ::mkdir(folder.substr(0, at).c_str(), 0755);
  ::mkdir(folder.c_str(), 0755);
}

}  // namespace

std::string KernelCache::file_of(const std::string& identity) const {
  return folder_ + "/" + package::sha256_hex(identity) + ".kernel";
}

std::string KernelCache::find(const std::string& identity) const {
  std::ifstream in(file_of(identity), std::ios::binary);
  if (!in) return "";
  std::ostringstream text;
  text << in.rdbuf();
  const std::string bytes = text.str();
  if (bytes.size() <= hash_digits) return "";
  std::string image = bytes.substr(hash_digits);
  return package::sha256_hex(image) == bytes.substr(0, hash_digits) ? image : "";
}

void KernelCache::store(const std::string& identity, const std::string& image) const {
  make_folders(folder_);
  const std::string file = file_of(identity), temporary = file + "." + std::to_string(::getpid());
  {
    std::ofstream out(temporary, std::ios::binary);
    out << package::sha256_hex(image) << image;
    if (!out.flush()) {
      std::remove(temporary.c_str());
      return;
    }
  }
  if (std::rename(temporary.c_str(), file.c_str()) != 0) std::remove(temporary.c_str());
}

}  // namespace cuda
}  // namespace automask
