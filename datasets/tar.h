#pragma once
// Tar archives read in place: an index of their members first, then any member by offset.
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace automask::datasets {

struct TarMember {
  std::string path;                    // relative, without "./"
  std::uint64_t offset = 0, size = 0;  // of its bytes in the (unpacked) archive
};

class Tar {
 public:
  // Reads the headers: a plain tar's contents are stepped over, a compressed one's unpacked and forgotten. ustar, GNU
  // and pax. Error(steps_failed) names file and fault: no tar, truncated, damaged.
  explicit Tar(const std::filesystem::path& file);
  ~Tar();
  Tar(Tar&&) noexcept;

  // Regular files in archive order. Links, sparse files, absolute paths, paths with ".." and repeated paths are left
  // out, each with a sentence in skipped().
  const std::vector<TarMember>& members() const { return members_; }
  const std::vector<std::string>& skipped() const { return skipped_; }
  const std::string& name() const { return name_; }

  // Thread-safe. Of a compressed archive: fast in about ascending order (a window of recent members is kept), from the
  // front again otherwise.
  std::string read(std::size_t member) const;

 private:
  class Stream;
  void index();

  std::string name_;
  std::vector<TarMember> members_;
  std::vector<std::string> skipped_;
  struct Access;
  std::unique_ptr<Access> access_;
};

}  // namespace automask::datasets
