#pragma once
// A file read at offsets by many threads.
#include <cstdint>
#include <filesystem>
#include <string>

namespace automask::datasets {

class RandomFile {
 public:
  // Error(steps_failed) when it cannot be opened.
  explicit RandomFile(const std::filesystem::path& path);
  ~RandomFile();
  RandomFile(RandomFile&& other) noexcept;
  RandomFile& operator=(RandomFile&&) = delete;

  std::uint64_t size() const { return size_; }
  const std::string& name() const { return name_; }
  // Error(steps_failed) when the file ends before offset + size.
  std::string read(std::uint64_t offset, std::uint64_t size) const;

 private:
  std::string name_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
};

}  // namespace automask::datasets
