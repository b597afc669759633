#include "datasets/names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/core/throws.h"

namespace automask::datasets {
namespace {

using ::testing::ElementsAre;
using testing::error_of;

TEST(ExpandBraces, CountsAndChooses) {
  EXPECT_THAT(expand_braces("a-{008..011}.tar"), ElementsAre("a-008.tar", "a-009.tar", "a-010.tar", "a-011.tar"));
  EXPECT_THAT(expand_braces("data_batch_{1..2}.bin"), ElementsAre("data_batch_1.bin", "data_batch_2.bin"));
  EXPECT_THAT(expand_braces("{9..11}"), ElementsAre("9", "10", "11"));
  EXPECT_THAT(expand_braces("{noise,blur}.tar"), ElementsAre("noise.tar", "blur.tar"));
  EXPECT_THAT(expand_braces("{a,}x"), ElementsAre("ax", "x"));
  EXPECT_THAT(expand_braces("{a,b}-{0..1}"), ElementsAre("a-0", "a-1", "b-0", "b-1"));
  EXPECT_THAT(expand_braces("plain.tar"), ElementsAre("plain.tar"));
  EXPECT_THAT(expand_braces(""), ElementsAre(""));
  EXPECT_THAT(expand_braces("{5..5}"), ElementsAre("5"));
  EXPECT_EQ(expand_braces("s-{000000..099999}.tar").size(), 100'000U);
}

TEST(ExpandBraces, RefusesWhatCannotBeMeant) {
  const auto fault = [](const std::string& pattern) {
    const auto error = error_of([&] { expand_braces(pattern); });
    EXPECT_EQ(error.code(), core::ExitCode::usage);
    EXPECT_SAYS(error, "write e.g. shard-{000000..000009}.tar or {a,b}.tar");
    return error;
  };
  for (const char* pattern : {"a{", "a}", "{a}}", "{{a}}", "a{b{c}", "}{"})
    EXPECT_SAYS(fault(pattern), "\"" + std::string(pattern) + "\": has braces that don't match");
  for (const char* pattern :
       {"{2..1}", "{a..b}", "{..3}", "{1..}", "{1..2..3}", "{-1..2}", "{1..99999999999999999999}"})
    EXPECT_SAYS(fault(pattern), "has a range that is not of the form {first..last}");
  EXPECT_SAYS(fault("{0..100000}"), "names more than 100,000 files");
  EXPECT_SAYS(fault("{0..999}{0..100}"), "names more than 100,000 files");
}

TEST(Names, TellPicturesAndArchives) {
  for (const char* name : {"a.jpg", "b/c.JPEG", "x.Png", "x.webp", "x.ppm", "x.PGM", "a.b.jpg"})
    EXPECT_TRUE(is_picture_name(name)) << name;
  for (const char* name : {"a.txt", "jpg", "a.jpg.part", "x.gif", "b/._c.jpg", "._c.jpg", "a.jpg/", ""})
    EXPECT_FALSE(is_picture_name(name)) << name;
  for (const char* name : {"a.tar", "a.tgz", "a.tar.gz", "a.tzst", "a.tar.zst", "a.tar.bz2", "a.tar.xz"})
    EXPECT_TRUE(is_tar_name(name)) << name;
  for (const char* name : {"a.tart", "tar", "a.zip", "a.gz", "a.tar.lz4"}) EXPECT_FALSE(is_tar_name(name)) << name;
}

}  // namespace
}  // namespace automask::datasets
