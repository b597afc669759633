#pragma once
// Tar files, written the same way every time.
#include <archive.h>

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
  void commit();

 private:
  void check(int result);
  [[noreturn]] void fail();

  std::filesystem::path file_, temporary_;
  std::unique_ptr<archive, decltype(&archive_write_free)> archive_{archive_write_new(), archive_write_free};
  bool committed_ = false;
};

// A picture file's name inside of a shard: WebDataset takes everything up to the first dot of the last part as the
// key, so other dots become "_".
std::string member_name(const std::string& file_name);

}  // namespace automask::corruptions
