#include "core/atomic_file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "core/error.h"
#include "tests/unit/core/temporary_folder.h"
#include "tests/unit/core/throws.h"

namespace automask::core {
namespace {

using testing::error_of;
using testing::TemporaryFolder;

std::size_t entries(const std::filesystem::path& folder) {
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator()));
}

TEST(AtomicFile, AppearsWholeOnCommit) {
  const TemporaryFolder folder;
  const std::string large(3 << 20, 'y');  // more than the buffer
  {
    AtomicFile file(folder / "a");
    file.write("head ");
    file.write(large);
    EXPECT_FALSE(std::filesystem::exists(folder / "a"));
    file.commit();
    EXPECT_TRUE(std::filesystem::exists(folder / "a"));
  }
  EXPECT_EQ(read_file(folder / "a"), "head " + large);
  EXPECT_EQ(entries(folder.path()), 1u);
}

TEST(AtomicFile, LeavesNothingWithoutCommit) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "a", "old");
  {
    AtomicFile file(folder / "a");
    file.write(std::string(2 << 20, 'y'));
    EXPECT_EQ(entries(folder.path()), 2u);
  }
  EXPECT_EQ(read_file(folder / "a"), "old");
  EXPECT_EQ(entries(folder.path()), 1u);
}

TEST(AtomicFile, IsNotHinderedByTheTemporaryOfAKilledProcess) {
  const TemporaryFolder folder;
  for (int count = 0; count < 1000; ++count)
    std::ofstream(folder / ("a.tmp." + std::to_string(::getpid()) + "." + std::to_string(count))) << "half";
  write_file_atomically(folder / "a", "whole");
  EXPECT_EQ(read_file(folder / "a"), "whole");
}

// A limit on the file size stands in for a full disk: write() fails in the same place.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int);
};

TEST(AtomicFile, ThatCannotBeWrittenLeavesTheOldOneAndSaysWhy) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "a", "old");
  const auto error = [&] {
    const FileSizeLimit limit(1000);
    return error_of([&] { write_file_atomically(folder / "a", std::string(3000, 'y')); });
  }();
  EXPECT_EQ(error.code(), ExitCode::steps_failed);
  EXPECT_SAYS(error, (folder / "a").string());
  EXPECT_SAYS(error, "cannot be written");
  EXPECT_FALSE(error.remedy().empty());
  EXPECT_EQ(read_file(folder / "a"), "old");
  EXPECT_EQ(entries(folder.path()), 1u);
}

TEST(AtomicFile, NamesThePathItCannotCreate) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "file", "");
  EXPECT_SAYS(error_of([&] { AtomicFile file(folder / "no folder" / "a"); }), "no folder/a: cannot be created");
  EXPECT_SAYS(error_of([&] { write_file_atomically(folder / "file" / "a", "x"); }), "cannot be created");
}

TEST(AtomicFile, CannotTakeThePlaceOfAFolder) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "a" / "b", "x");
  EXPECT_SAYS(error_of([&] { write_file_atomically(folder / "a", "y"); }), "cannot be put in place");
  EXPECT_EQ(read_file(folder / "a" / "b"), "x");
  EXPECT_EQ(entries(folder.path()), 1u);
}

TEST(WriteFileAtomically, CreatesParentFolders) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "p" / "q" / "r", std::string("a\0b", 3));
  EXPECT_EQ(read_file(folder / "p" / "q" / "r"), std::string("a\0b", 3));
}

TEST(ReadFile, ReadsEmptyFilesAndThoseWithoutASize) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "empty", "");
  EXPECT_EQ(read_file(folder / "empty"), "");
  EXPECT_FALSE(read_file("/proc/self/status").empty());
}

TEST(ReadFile, NamesWhatItCannotRead) {
  const TemporaryFolder folder;
  EXPECT_SAYS(error_of([&] { read_file(folder / "nothing"); }), "nothing: cannot be read: No such file");
  EXPECT_SAYS(error_of([&] { read_file(folder.path()); }), "cannot be read: Is a directory");
}

}  // namespace
}  // namespace automask::core
