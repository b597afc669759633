#include "datasets/tar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <thread>

#include "core/philox.h"
#include "tests/unit/core/temporary_folder.h"
#include "tests/unit/core/throws.h"
#include "tests/unit/datasets/compressed.h"
#include "tests/unit/datasets/idx_bytes.h"
#include "tests/unit/datasets/tar_bytes.h"

namespace automask::datasets {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using testing::error_of;
using testing::pax_record;
using testing::put;
using testing::tar_end;
using testing::tar_member;
using testing::TemporaryFolder;

class TarTest : public ::testing::Test {
 protected:
  std::string written(const std::string& bytes, const std::string& name = "x.tar") {
    put(folder_ / name, bytes);
    return (folder_ / name).string();
  }
  core::Error fault(const std::string& bytes) {
    const std::string name = written(bytes);
    auto error = error_of([&] { Tar tar(name); });
    EXPECT_EQ(error.code(), core::ExitCode::steps_failed);
    EXPECT_TRUE(error.where().starts_with(name)) << error.where();
    EXPECT_FALSE(error.remedy().empty());
    return error;
  }
  TemporaryFolder folder_;
};

std::vector<std::string> paths(const Tar& tar) {
  std::vector<std::string> all;
  for (const TarMember& member : tar.members()) all.push_back(member.path);
  return all;
}

// By the tar program, in all its formats.
TEST_F(TarTest, ReadsUstarGnuAndPax) {
  const std::string deep = "a/" + std::string(90, 'b') + "/" + std::string(60, 'c') + ".JPEG";  // ustar: by its prefix
  const std::string deeper = "a/" + std::string(200, 'd') + "/" + std::string(200, 'e') + ".JPEG";
  const std::string odd = "a/caf\xc3\xa9 \xe2\x82\xac.JPEG";
  put(folder_ / "in" / "a/1.JPEG", "one");
  put(folder_ / "in" / "a/2.JPEG", std::string(1000, '2'));
  put(folder_ / "in" / "a/3.JPEG", "");
  put(folder_ / "in" / odd, "odd");
  put(folder_ / "in" / deep, "deep");
  for (const std::string format : {"v7", "ustar", "oldgnu", "gnu", "pax"}) {
    SCOPED_TRACE(format);
    if (format == "oldgnu") put(folder_ / "in" / deeper, "deeper");
    if (format == "v7") std::filesystem::rename(folder_ / "in" / deep, folder_ / "in/a/d");
    const std::string name = (folder_ / (format + ".tar")).string();
    ASSERT_EQ(std::system(
                  ("tar --sort=name --format=" + format + " -C " + (folder_ / "in").string() + " -cf " + name + " ./a")
                      .c_str()),
              0);
    if (format == "v7") std::filesystem::rename(folder_ / "in/a/d", folder_ / "in" / deep);
    const Tar tar(name);
    EXPECT_TRUE(tar.skipped().empty());
    std::size_t found = 0;
    for (std::size_t i = 0; i < tar.members().size(); ++i) {
      const std::string& path = tar.members()[i].path;
      const std::string bytes = tar.read(i);
      EXPECT_EQ(bytes.size(), tar.members()[i].size);
      if (path == "a/1.JPEG") found += bytes == "one";
      if (path == "a/2.JPEG") found += bytes == std::string(1000, '2');
      if (path == "a/3.JPEG") found += bytes.empty();
      if (path == odd) found += bytes == "odd";
      if (path == deep || path == "a/d") found += bytes == "deep";
      if (path == deeper) found += bytes == "deeper";
    }
    EXPECT_EQ(found, tar.members().size());
    EXPECT_EQ(found, format == "v7" || format == "ustar" ? 5U : 6U);
  }
}

TEST_F(TarTest, TakesNamesFromExtendedHeaders) {
  const std::string name(300, 'n');
  const Tar tar(written(tar_member({"././@LongLink", name + '\0', 'L'}) + tar_member({"short", "1"}) +
                        tar_member({"PaxHeaders/x", pax_record("path", "p/" + name), 'x'}) +
                        tar_member({"short", "22"}) + tar_member({"./short//x", "333"}) + tar_end()));
  EXPECT_THAT(paths(tar), ElementsAre(name, "p/" + name, "short/x"));
  EXPECT_EQ(tar.read(0), "1");
  EXPECT_EQ(tar.read(1), "22");
  EXPECT_EQ(tar.read(2), "333");
}

TEST_F(TarTest, LeavesOutWhatIsNoPlainFileOrLeadsOutside) {
  const std::string pax_up = tar_member({"x", pax_record("path", "q/../../evil"), 'x'}) + tar_member({"fine", "x"});
  const std::string name = written(
      tar_member({"a.jpg", "first"}) + tar_member({"folder/", "", '5'}) + tar_member({"soft", "", '2', "/etc/passwd"}) +
      tar_member({"hard", "", '1', "a.jpg"}) + tar_member({"device", "", '3'}) + tar_member({"pipe", "", '6'}) +
      tar_member({"/abs.jpg", "x"}) + tar_member({"../up.jpg", "x"}) + tar_member({"b/../../up.jpg", "x"}) +
      tar_member({"..", "x"}) + pax_up + tar_member({"./a.jpg", "second"}) + tar_member({"red\x1b[31m/../z", "x"}) +
      tar_member({"...jpg", "dots"}) + tar_member({"a..b/c.jpg", "dots"}) + tar_end());
  const auto listing = [&] {
    std::vector<std::string> all;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.path())) all.push_back(entry.path());
    return all;
  };
  const auto before = listing();
  const Tar tar(name);
  EXPECT_THAT(paths(tar), ElementsAre("a.jpg", "...jpg", "a..b/c.jpg"));
  EXPECT_EQ(tar.read(0), "first");
  EXPECT_EQ(tar.read(2), "dots");
  const auto left_out = [](const std::string& path, const std::string& why) {
    return EndsWith("x.tar: member \"" + path + "\" " + why + " and is left out");
  };
  EXPECT_THAT(tar.skipped(),
              ElementsAre(left_out("soft", "is a link"), left_out("hard", "is a link"),
                          left_out("device", "is no regular file"), left_out("pipe", "is no regular file"),
                          left_out("/abs.jpg", "has an absolute path"),
                          left_out("../up.jpg", "leads out of the archive by \"..\""),
                          left_out("b/../../up.jpg", "leads out of the archive by \"..\""),
                          left_out("..", "leads out of the archive by \"..\""),
                          left_out("q/../../evil", "leads out of the archive by \"..\""),
                          left_out("./a.jpg", "stands in the archive twice; the first one counts"),
                          left_out("red\\u001b[31m/../z", "leads out of the archive by \"..\"")));
  EXPECT_EQ(listing(), before);
  EXPECT_FALSE(std::filesystem::exists(folder_.path().parent_path() / "up.jpg"));
}

TEST_F(TarTest, LeavesOutSparseFiles) {
  put(folder_ / "in" / "z.jpg", "end");
  ASSERT_EQ(std::system(("truncate -s 1M " + (folder_ / "in/holes.jpg").string()).c_str()), 0);
  for (const std::string format : {"gnu", "pax"}) {
    const std::string name = (folder_ / (format + ".tar")).string();
    ASSERT_EQ(std::system(("tar --sparse --sort=name --format=" + format + " -C " + (folder_ / "in").string() +
                           " -cf " + name + " holes.jpg z.jpg")
                              .c_str()),
              0);
    const Tar tar(name);
    EXPECT_THAT(paths(tar), ElementsAre("z.jpg"));
    ASSERT_EQ(tar.skipped().size(), 1U);
    EXPECT_THAT(tar.skipped()[0], EndsWith("member \"holes.jpg\" is stored with holes and is left out"));
    EXPECT_EQ(tar.read(0), "end");
  }
}

TEST_F(TarTest, RefusesAnArchiveCutAnywhere) {
  const std::string whole = tar_member({"a.jpg", std::string(700, 'a')}) + tar_member({"b.jpg", "b"}) +
                            tar_member({"./PaxHeaders/c", pax_record("path", "c.jpg"), 'x'}) +
                            tar_member({"c", std::string(512, 'c')});
  for (std::size_t block = 0; block < whole.size(); block += 512)
    for (const std::size_t more : {0, 1, 300}) {
      const auto error = fault(whole.substr(0, block + more));
      EXPECT_SAYS(error, block > 0 ? "truncated" : more == 0 ? "is empty" : "is no tar archive");
    }
  EXPECT_SAYS(fault(whole), "ends without an end mark: it may be truncated; fetch it again");
  EXPECT_EQ(Tar(written(whole + std::string(512, '\0'))).members().size(), 3U) << "half an end mark is one";
  EXPECT_EQ(Tar(written(whole + std::string(10240, '\0'))).members().size(), 3U);
}

TEST_F(TarTest, RefusesWhatIsNoArchive) {
  for (const std::string& bytes : {std::string("<html>404</html>"), std::string(3000, 'x'),
                                   std::string("\x1f\x8b\x08\0\0", 5), std::string("PK\3\4") + std::string(600, '\0')})
    EXPECT_SAYS(fault(bytes), "tar archive");
  std::string damaged = tar_member({"a.jpg", "a"}) + tar_member({"b.jpg", "b"}) + tar_end();
  damaged[1024 + 3] = '!';  // its check sum no longer holds
  EXPECT_SAYS(fault(damaged), "is a damaged or truncated tar archive: ");
  EXPECT_SAYS(error_of([&] { Tar tar(folder_ / "none.tar"); }), "none.tar: cannot be read: No such file or directory");
  EXPECT_SAYS(error_of([&] { Tar tar(folder_.path()); }), "is no file");
  EXPECT_EQ(Tar(written(tar_end())).members().size(), 0U) << "an archive of nothing";
}

TEST_F(TarTest, LeavesOutMembersBeyondReason) {
  // 3 GiB in octal, of which nothing is there.
  EXPECT_SAYS(fault(tar_member({"a.jpg", "a", '0', "", "30000000000"}) + tar_end()), "truncated");
  EXPECT_SAYS(fault(tar_member({"a.jpg", "a", '0', "", "00000010000"}) + tar_end()), "a.jpg: is cut off");
}

class TarOfManyTest : public TarTest {
 protected:
  TarOfManyTest() {
    core::RandomStream random(7);
    for (int i = 0; i < 300; ++i) {
      std::string bytes(random.below(4000), '\0');
      for (char& c : bytes) c = static_cast<char>(random.next());
      contents_.push_back(bytes);
      if (i % 10 == 3) bytes_ += tar_member({"link" + std::to_string(i), "", '2', "a"});
      bytes_ += tar_member({"m/" + std::to_string(i) + ".jpg", bytes});
    }
    bytes_ += tar_end();
  }
  std::vector<std::string> contents_;
  std::string bytes_;
};

TEST_F(TarOfManyTest, IsReadInAnyOrderByManyThreads) {
  for (const std::string filter : {"", "gzip", "zstd", "bzip2", "xz"}) {
    SCOPED_TRACE(filter);
    const Tar tar(written(filter.empty() ? bytes_ : testing::compressed(bytes_, filter)));
    ASSERT_EQ(tar.members().size(), 300U);
    EXPECT_EQ(tar.skipped().size(), 30U);
    std::atomic<int> wrong = 0;
    std::vector<std::thread> threads;
    for (std::uint64_t t = 0; t < 4; ++t)
      threads.emplace_back([&, t] {
        core::RandomStream random(t);
        for (int i = 0; i < (filter.empty() ? 300 : 60); ++i) {
          const auto member = random.below(300);
          wrong += tar.read(member) != contents_[member];
        }
      });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong, 0);
    EXPECT_THROW(tar.read(300), std::out_of_range);
  }
}

TEST_F(TarOfManyTest, RefusesCompressedArchivesCutAnywhere) {
  for (const std::string filter : {"gzip", "zstd", "bzip2", "xz"}) {
    const std::string whole = testing::compressed(bytes_, filter);
    for (const double part : {0.00001, 0.01, 0.3, 0.5, 0.9, 0.99})
      EXPECT_SAYS(fault(whole.substr(0, 1 + static_cast<std::size_t>(part * static_cast<double>(whole.size())))),
                  "archive");
  }
  const std::string body = bytes_.substr(0, bytes_.size() - 1024);
  EXPECT_SAYS(fault(testing::compressed(body, "gzip")), "ends without an end mark");
}

TEST_F(TarOfManyTest, SaysSoWhenAnArchiveChangesUnderIt) {
  const std::string name = written(testing::compressed(bytes_, "gzip"));
  const Tar packed(name);
  written(testing::compressed(tar_member({"other", "x"}) + tar_end(), "gzip"));
  EXPECT_SAYS(error_of([&] { packed.read(5); }), "changed while it was read");
  const Tar plain(written(bytes_));
  std::filesystem::resize_file(folder_ / "x.tar", 2000);
  EXPECT_SAYS(error_of([&] { plain.read(299); }), "x.tar: became shorter while it was read; fetch the file again");
}

}  // namespace
}  // namespace automask::datasets
