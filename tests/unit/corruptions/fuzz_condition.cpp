// Random texts near the grammar: the parser gives a condition with one spelling or throws core::Error.
#include <gtest/gtest.h>

#include "core/philox.h"
#include "corruptions/condition.h"
#include "tests/unit/core/throws.h"

namespace automask::corruptions {
namespace {

TEST(FuzzCondition, ParsesOrThrowsItsError) {
  core::RandomStream random(0xC0D);
  const std::vector<std::string> pieces = {"clean",      "gaussian_noise",
                                           "jpeg",       "shot_noise",
                                           "contrast",   ":",
                                           ":",          ">",
                                           " > ",        " ",
                                           "q",          "q30",
                                           "1",          "5",
                                           "3",          "0",
                                           "-",          "100",
                                           "\t",         "\n",
                                           "é",          "\xff",
                                           "\"",         ":q7",
                                           ":2",         ",",
                                           ",444",       "progressive",
                                           "4KiB",       "B",
                                           "h264:crf28", "webp"};
  const auto below = [&](std::size_t n) { return random.below(static_cast<std::uint32_t>(n)); };
  const std::vector<std::string> seeds = {"clean",
                                          "gaussian_noise:3",
                                          "shot_noise:2 > jpeg:q30",
                                          "contrast:1>brightness:5>impulse_noise:2",
                                          "jpeg:4KiB,progressive",
                                          "h265:crf30,full > jpeg2000:psnr30"};
  int parsed = 0, refused = 0;
  for (int round = 0; round < 30000; ++round) {
    std::string text = round % 2 == 0 ? seeds[below(seeds.size())] : "";
    for (std::uint32_t edits = below(round % 2 == 0 ? 3 : 9); edits > 0; --edits) {
      const std::size_t at = below(text.size() + 1);
      switch (below(4)) {
        case 0:
          text.erase(at, 1 + below(3));
          break;
        case 1:
          text.insert(at, 1, static_cast<char>(random.next()));
          break;
        default:
          text.insert(round % 2 == 0 ? at : text.size(), pieces[below(pieces.size())]);
      }
    }
    try {
      const auto condition = Condition::parse(text);
      ASSERT_EQ(Condition::parse(condition.canonical()), condition) << text;
      for (const Link& link : condition.links())
        ASSERT_TRUE(link.level >= 0 && (link.level == 0 || link.max_bytes == 0)) << text;
      ++parsed;
    } catch (const core::Error& error) {
      ASSERT_EQ(error.code(), core::ExitCode::usage) << text;
      // Messages stay printable whatever was typed.
      for (const char c : std::string(error.what())) ASSERT_GE(static_cast<unsigned char>(c), 0x20) << text;
      ++refused;
    }
  }
  EXPECT_GT(parsed, 1000);
  EXPECT_GT(refused, 10000);
}

}  // namespace
}  // namespace automask::corruptions
