// Random damage to archives, batches and lists: a source whose pictures can be asked for, or core::Error.
#include <gtest/gtest.h>

#include "datasets/labels.h"
#include "datasets/source.h"
#include "tests/unit/core/temporary_folder.h"
#include "tests/unit/core/throws.h"
#include "tests/unit/datasets/compressed.h"
#include "tests/unit/datasets/damage.h"
#include "tests/unit/datasets/idx_bytes.h"
#include "tests/unit/datasets/tar_bytes.h"

namespace automask::datasets {
namespace {

using testing::pax_record;
using testing::tar_member;

struct Outcome {
  int opened = 0, refused = 0;
};

template <class Try>
void count(Outcome& outcome, int round, Try&& attempt) {
  try {
    attempt();
    ++outcome.opened;
  } catch (const core::Error& error) {
    ASSERT_NE(error.code(), core::ExitCode::internal) << "round " << round << ": " << error.what();
    ++outcome.refused;
  }
}

// Opens it, and asks for everything that can be asked.
void look_through(const std::string& location, const SourceOptions& options = {}) {
  const auto source = open_source(location, options);
  for (std::size_t i = 0; i < source->size(); ++i) {
    ASSERT_LT(source->label(i), static_cast<int>(source->classes().size()));
    ASSERT_EQ(source->id(i).find(".."), std::string::npos) << source->id(i);
    ASSERT_FALSE(source->id(i).starts_with('/'));
    try {
      source->picture(i);
    } catch (const core::Error& error) {
      ASSERT_NE(error.code(), core::ExitCode::internal) << error.what();
    }
  }
}

TEST(FuzzSources, Tar) {
  const testing::TemporaryFolder folder;
  const std::string picture = "P5 1 1 255 x", name(120, 'n');
  const std::string folders = tar_member({"a/1.jpg", picture}) + tar_member({"b/2.jpg", picture}) + testing::tar_end();
  const std::string extended =
      tar_member({"././@LongLink", "a/" + name + ".jpg" + '\0', 'L'}) + tar_member({"x", picture}) +
      tar_member({"y", pax_record("path", "b/" + name + ".jpg") + pax_record("mtime", "1.5"), 'x'}) +
      tar_member({"y", picture}) + tar_member({"c/l.jpg", "", '2', "x"}) + testing::tar_end();
  const std::string samples = tar_member({"1.jpg", picture}) + tar_member({"1.cls", "1"}) +
                              tar_member({"2.jpg", picture}) + tar_member({"2.json", R"({"label": 3})"}) +
                              testing::tar_end();
  const std::vector<std::string> seeds = {folders, extended, samples};
  core::RandomStream random(0x7A8);
  Outcome outcome;
  for (int round = 0; round < 800; ++round) {
    std::string bytes = seeds[random.below(3)];
    // The check sums of headers stop most damage; so some is done to fields with the sum made right again.
    if (random.below(2) == 0) {
      bytes = testing::damaged(bytes, random, 512);
    } else {
      const std::size_t header = 512 * random.below(static_cast<std::uint32_t>(bytes.size() / 512 - 2));
      for (int edits = 0; edits < 3; ++edits) bytes[header + random.below(345)] = static_cast<char>(random.next());
      bytes.replace(header + 148, 8, "        ");
      unsigned sum = 0;
      for (std::size_t i = 0; i < 512; ++i) sum += static_cast<unsigned char>(bytes[header + i]);
      char text[8];
      std::snprintf(text, sizeof text, "%06o", sum);
      bytes.replace(header + 148, 7, text, 7);
    }
    const bool packed = random.below(8) == 0;
    if (packed) bytes = testing::gzipped(bytes);
    testing::put(folder / "x.tar", bytes);
    count(outcome, round, [&] { look_through((folder / "x.tar").string()); });
    if (::testing::Test::HasFatalFailure()) return;
  }
  EXPECT_GT(outcome.opened, 80);
  EXPECT_GT(outcome.refused, 80);
}

TEST(FuzzSources, CompressedTar) {
  const testing::TemporaryFolder folder;
  const std::string tar =
      tar_member({"a/1.jpg", "P5 1 1 255 x"}) + tar_member({"b/2.jpg", "P5 1 1 255 x"}) + testing::tar_end();
  core::RandomStream random(0x2D);
  Outcome outcome;
  for (const std::string filter : {"gzip", "zstd", "bzip2", "xz"}) {
    const std::string whole = testing::compressed(tar, filter);
    for (int round = 0; round < 60; ++round) {
      testing::put(folder / "x.tar.gz", testing::damaged(whole, random, 24));
      count(outcome, round, [&] { look_through((folder / "x.tar.gz").string()); });
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
  EXPECT_GT(outcome.opened, 0);
  EXPECT_GT(outcome.refused, 100);
}

TEST(FuzzSources, Cifar) {
  const testing::TemporaryFolder folder;
  const std::vector<std::string> seeds = {std::string(3073 * 2, '\3'), std::string(3074 * 2, '\3')};
  core::RandomStream random(0xC1F);
  Outcome outcome;
  for (int round = 0; round < 300; ++round) {
    std::string bytes = testing::damaged(seeds[random.below(2)], random, 2);
    // Of whole records, too: few random lengths are.
    if (random.below(2) == 0) bytes.resize(3073 + random.below(2));
    testing::put(folder / "test.bin", bytes);
    count(outcome, round, [&] { look_through((folder / "test.bin").string()); });
    if (::testing::Test::HasFatalFailure()) return;
  }
  EXPECT_GT(outcome.opened, 20);
  EXPECT_GT(outcome.refused, 20);
}

TEST(FuzzSources, ListsAndGroundTruths) {
  const std::vector<std::string> lists = {"n1 tench\nn2 goldfish\nn3\n", "\xef\xbb\xbfn1,a\r\nn2,b\r\n"};
  const std::vector<std::string> truths = {"n1\nn2\nn1\n", "1\n2\n1\n", "1.jpg 0\n2.jpg 1\nd/3.jpg n2\n",
                                           "ImageId,Prediction\n1,n1 2 3\n2,n2\n3,n1\n"};
  const std::string ids = "1 n2\n2 n1\n3 n9\n";
  const std::vector<std::string> paths = {"d/1.jpg", "d/2.jpg", "d/3.jpg"};
  core::RandomStream random(0x6E);
  Outcome outcome;
  for (int round = 0; round < 20000; ++round) {
    const auto maybe = [&](const std::string& text) {
      return random.below(3) == 0 ? testing::damaged(text, random, 12) : text;
    };
    const std::string list = maybe(lists[random.below(2)]), truth = maybe(truths[random.below(4)]), known = maybe(ids);
    count(outcome, round, [&] {
      const ClassList classes = parse_class_list(list, "classes");
      ASSERT_EQ(classes.ids.size(), classes.names.size());
      ASSERT_EQ(classes.ids.size(), classes.labels.size());
      const auto labels = parse_ground_truth(truth, "truth", paths, classes, known, "ids");
      ASSERT_EQ(labels.size(), 3U);
      for (const int label : labels) ASSERT_TRUE(label >= 0 && label < static_cast<int>(classes.ids.size())) << label;
    });
    if (::testing::Test::HasFatalFailure()) return;
  }
  EXPECT_GT(outcome.opened, 1000);
  EXPECT_GT(outcome.refused, 1000);
}

}  // namespace
}  // namespace automask::datasets
