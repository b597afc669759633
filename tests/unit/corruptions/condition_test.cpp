#include "corruptions/condition.h"

#include <gtest/gtest.h>

#include <set>

#include "core/philox.h"
#include "tests/unit/core/throws.h"

namespace automask::corruptions {
namespace {

using core::ExitCode;
using testing::error_of;

TEST(Condition, ParsesChains) {
  EXPECT_TRUE(Condition::parse("clean").clean());
  EXPECT_EQ(Condition::parse("clean"), Condition());
  const auto chain = Condition::parse("shot_noise:2 > jpeg:q30");
  EXPECT_EQ(chain.links(), (std::vector<Link>{{"shot_noise", 2}, {"jpeg", 30}}));
  EXPECT_FALSE(chain.clean());
}

TEST(Condition, HasOneSpelling) {
  EXPECT_EQ(Condition::parse("  clean\n").canonical(), "clean");
  EXPECT_EQ(Condition().canonical(), "clean");
  for (const char* text :
       {"gaussian_noise:3>jpeg:q30", " gaussian_noise : 3  >\tjpeg : q30 ", "gaussian_noise:03 > jpeg:q030"})
    EXPECT_EQ(Condition::parse(text).canonical(), "gaussian_noise:3 > jpeg:q30");
}

TEST(Condition, SurvivesTheRoundTripForEveryOperatorAndLevel) {
  for (const auto& info : operator_infos())
    for (int level = info.low; level <= info.high; ++level) {
      const std::string text = info.name + ":" + info.prefix + std::to_string(level);
      const auto condition = Condition::parse(text + " > contrast:1");
      EXPECT_EQ(condition.canonical(), text + " > contrast:1");
      EXPECT_EQ(Condition::parse(condition.canonical()), condition);
      EXPECT_EQ(condition.links()[0], (Link{info.name, level}));
    }
}

TEST(Condition, TakesBudgetsInSeveralUnitsAndWritesBytes) {
  for (const auto& [text, bytes] : {std::pair{"jpeg:4096B", 4096},
                                    {"jpeg:4KiB", 4096},
                                    {"jpeg: 4 KiB ", 4096},
                                    {"webp:4kB", 4000},
                                    {"h265:1MiB", 1 << 20},
                                    {"jpeg2000:2MB", 2'000'000}}) {
    const auto condition = Condition::parse(text);
    ASSERT_EQ(condition.links().size(), 1u);
    EXPECT_EQ(condition.links()[0].max_bytes, bytes) << text;
    EXPECT_EQ(condition.links()[0].level, 0) << text;
    EXPECT_EQ(condition.canonical(), condition.links()[0].name + ":" + std::to_string(bytes) + "B");
    EXPECT_EQ(Condition::parse(condition.canonical()), condition);
  }
}

TEST(Condition, PutsOptionsInOrderAndLeavesDefaultsOut) {
  for (const auto& [text, canonical] :
       {std::pair{"jpeg:q30,progressive,420", "jpeg:q30,progressive"},
        {"jpeg:q30,420,baseline", "jpeg:q30"},
        {"jpeg:q30 , 444 , progressive > contrast:1", "jpeg:q30,progressive,444 > contrast:1"},
        {"jpeg:4KiB,422", "jpeg:4096B,422"},
        {"h264:crf28,601,full", "h264:crf28,full,601"},
        {"h265:crf28,709", "h265:crf28"}}) {
    const auto condition = Condition::parse(text);
    EXPECT_EQ(condition.canonical(), canonical);
    EXPECT_EQ(Condition::parse(canonical), condition);
  }
}

TEST(Condition, NamesTheFaultyPart) {
  const auto fault = [](const char* text) {
    const auto error = error_of([&] { Condition::parse(text); });
    EXPECT_EQ(error.code(), ExitCode::usage);
    EXPECT_FALSE(error.remedy().empty());
    return error;
  };
  EXPECT_STREQ(fault("gausian_noise:3").what(),
               "condition \"gausian_noise:3\": unknown corruption or codec \"gausian_noise\"; did you mean "
               "\"gaussian_noise\"?");
  EXPECT_SAYS(fault("sandstorm:3"), "known: clean, gaussian_noise, shot_noise");
  EXPECT_SAYS(fault("gaussian_noise:6"),
              "\"6\" is no severity of gaussian_noise; write gaussian_noise:1 to gaussian_noise:5");
  EXPECT_SAYS(fault("gaussian_noise:0"), "\"0\" is no severity");
  EXPECT_SAYS(fault("gaussian_noise:-1"), "\"-1\" is no severity");
  EXPECT_SAYS(fault("gaussian_noise:2.5"), "\"2.5\" is no severity");
  EXPECT_SAYS(fault("gaussian_noise:99999999999999999999"), "is no severity");
  EXPECT_SAYS(fault("gaussian_noise:q3"), "\"q3\" is no severity");
  EXPECT_SAYS(fault("gaussian_noise"), "lacks its severity");
  EXPECT_SAYS(fault("gaussian_noise:"), "\"\" is no severity");
  EXPECT_SAYS(fault("jpeg"), "\"jpeg\" lacks its quality; write jpeg:q1 to jpeg:q100");
  EXPECT_SAYS(fault("jpeg:30"), "\"30\" is no quality of jpeg");
  EXPECT_SAYS(fault("jpeg:q0"), "is no quality");
  EXPECT_SAYS(fault("jpeg:q101"), "is no quality");
  EXPECT_SAYS(fault("jpeg:q"), "is no quality");
  EXPECT_SAYS(fault("h264:q30"), "\"q30\" is no quality of h264; write h264:crf1 to h264:crf51, or");
  EXPECT_SAYS(fault("jpeg:0B"), "\"0B\" is no number of bytes");
  EXPECT_SAYS(fault("jpeg:B"), "\"B\" is no number of bytes");
  EXPECT_SAYS(fault("jpeg:4GB"), "\"4GB\" is no number of bytes; write jpeg:1B to");
  EXPECT_SAYS(fault("jpeg:999999999999MiB"), "is no number of bytes");
  EXPECT_SAYS(fault("jpeg:9223372036854775807KiB"), "is no number of bytes");
  EXPECT_SAYS(fault("contrast:40B"), "\"40B\" is no severity");
  EXPECT_SAYS(fault("jpeg:q30,progresive"), "\"progresive\" is no option of jpeg; did you mean \"progressive\"?");
  EXPECT_SAYS(fault("jpeg:q30,"), "\"\" is no option of jpeg");
  EXPECT_SAYS(fault("webp:q30,444"), "\"444\" is no option of webp; webp takes none");
  EXPECT_SAYS(fault("contrast:3,444"), "contrast takes none");
  EXPECT_SAYS(fault("jpeg:q30,420,444"), "\"420\" and \"444\" both choose the chroma of jpeg");
  EXPECT_SAYS(fault(""), "a link of the chain is empty");
  EXPECT_SAYS(fault("jpeg:q3 >"), "a link of the chain is empty");
  EXPECT_SAYS(fault("> jpeg:q3"), "a link of the chain is empty");
  EXPECT_SAYS(fault("jpeg:q3 >> jpeg:q3"), "a link of the chain is empty");
  EXPECT_SAYS(fault("clean > jpeg:q3"), "write \"clean\" alone");
  EXPECT_SAYS(fault("jpeg:q3 > clean"), "write \"clean\" alone");
  EXPECT_SAYS(fault("Jpeg:q3"), "did you mean \"jpeg\"?");
}

TEST(Condition, FromAManifestNamesFileAndPointer) {
  const auto json = core::parse_json(R"({"conditions": ["clean", "jpg:q3", 4]})", "m.json");
  const core::JsonCursor conditions(json.at("conditions"), "m.json", "/conditions");
  EXPECT_TRUE(Condition::from_json(conditions.at(0)).clean());
  const auto error = error_of([&] { Condition::from_json(conditions.at(1)); });
  EXPECT_EQ(error.code(), ExitCode::invalid_manifest);
  EXPECT_SAYS(
      error,
      "m.json: /conditions/1: condition \"jpg:q3\": unknown corruption or codec \"jpg\"; did you mean \"jpeg\"?");
  EXPECT_SAYS(error_of([&] { Condition::from_json(conditions.at(2)); }), "/conditions/2: must be a string");
}

TEST(OperatorInfos, AreDistinctAndExplained) {
  std::set<std::string> names;
  for (const auto& info : operator_infos()) {
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
    EXPECT_FALSE(info.summary.empty());
    EXPECT_LE(info.low, info.high);
    std::set<std::string> choices;
    for (const auto& group : info.options)
      for (const auto& choice : group.choices) EXPECT_TRUE(choices.insert(choice).second) << choice;
  }
}

}  // namespace
}  // namespace automask::corruptions
