#pragma once
// Tar files, written the same way every time.
#include <archive.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace automask::corruptions {

// One tar file, complete under its name after commit() or not there. Error(steps_failed) names file and cause.
class TarWriter {
 public:
  explicit TarWriter(std::filesystem::path file);
  ~TarWriter();
  TarWriter(const TarWriter&) = delete;
  TarWriter& operator=(const TarWriter&) = delete;

  void add(const std::string& name, const std::string& bytes);  // owner, rights and time are always the same
  std::int64_t size() const { return size_; }
  void cut(std::int64_t size);  // forgets the members added since size() was this
  void commit();

 private:
  static la_ssize_t write(archive* archive, void* self, const void* data, std::size_t size);
  void check(int result);
  [[noreturn]] void fail(const std::string& reason);

  std::filesystem::path file_, temporary_;
  int descriptor_ = -1;
  std::int64_t size_ = 0;
  bool committed_ = false;
  std::unique_ptr<archive, decltype(&archive_write_free)> archive_{archive_write_new(), archive_write_free};
};

// What a member of so many bytes takes in a tar.
inline std::int64_t tar_bytes(std::int64_t bytes) { return 512 + (bytes + 511) / 512 * 512; }

// A picture file's name inside of a shard: WebDataset takes everything up to the first dot of the last part as the
// key, so other dots become "_".
std::string member_name(const std::string& file_name);

}  // namespace automask::corruptions
