#include "core/json.h"

#include <gtest/gtest.h>

#include "core/atomic_file.h"
#include "tests/unit/core/temporary_folder.h"
#include "tests/unit/core/throws.h"

namespace automask::core {
namespace {

using testing::error_of;

TEST(ParseJson, NamesFileLineAndColumn) {
  const auto error = error_of([] { parse_json("{\n  \"a\": 1,\n  \"b\": oops\n}", "m.json"); });
  EXPECT_EQ(error.code(), ExitCode::invalid_manifest);
  EXPECT_EQ(error.where(), "m.json: line 3, column 8");
  EXPECT_FALSE(error.remedy().empty());
  EXPECT_SAYS(error_of([] { parse_json("", "m.json"); }), "m.json: line 1");
  EXPECT_SAYS(error_of([] { parse_json("{} {}", "m.json"); }), "not valid JSON");
  EXPECT_SAYS(error_of([] { parse_json("\"\xff\"", "m.json"); }), "not valid JSON");
  EXPECT_EQ(error_of([] { parse_json("[", "m.json", ExitCode::corrupt); }).code(), ExitCode::corrupt);
}

TEST(ParseJson, RefusesDuplicateKeysAtAnyDepth) {
  EXPECT_SAYS(error_of([] { parse_json(R"({"a": 1, "a": 2})", "m.json"); }), "\"a\" stands twice");
  EXPECT_SAYS(error_of([] { parse_json(R"({"x": [{"b": {}, "c": 1, "b": 2}]})", "m.json"); }), "\"b\" stands twice");
  EXPECT_NO_THROW(parse_json(R"({"a": {"a": 1}, "b": {"a": 1}, "c": [{"a": 1}, {"a": 2}]})", "m.json"));
}

TEST(ParseJson, RefusesNumbersThatDontFit) {
  EXPECT_SAYS(error_of([] { parse_json("[1e999]", "m.json"); }), "too large");
}

// Whatever walks through a document, dump() too, does so by recursion.
TEST(ParseJson, RefusesDeepNesting) {
  const auto nested = [](std::size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); };
  EXPECT_NO_THROW(parse_json(nested(500), "m.json"));
  for (const std::size_t levels : {std::size_t{600}, std::size_t{1'000'000}})
    EXPECT_SAYS(error_of([&] { parse_json(nested(levels), "m.json"); }), "m.json: is nested deeper than 500 levels");
  EXPECT_SAYS(error_of([&] { parse_json(std::string(400, '['), "m.json"); }), "not valid JSON");
}

TEST(ReadJsonFile, NamesAMissingFile) {
  const testing::TemporaryFolder folder;
  const auto error = error_of([&] { read_json_file(folder / "m.json"); });
  EXPECT_EQ(error.code(), ExitCode::invalid_manifest);
  EXPECT_SAYS(error, "m.json: cannot be read");
  write_file_atomically(folder / "m.json", "{\"a\": 1}");
  EXPECT_EQ(read_json_file(folder / "m.json").at("a"), 1);
}

TEST(Closest, FindsSlipsOnly) {
  const std::vector<std::string> names = {"gaussian_noise", "shot_noise", "jpeg"};
  EXPECT_EQ(closest("gausian_noise", names), "gaussian_noise");
  EXPECT_EQ(closest("jpg", names), "jpeg");
  EXPECT_EQ(closest("shotnoise", names), "shot_noise");
  EXPECT_EQ(closest("ejpg", names), std::nullopt);
  EXPECT_EQ(closest("jepg", names), "jpeg") << "a swap is one slip";
  EXPECT_EQ(closest("elephant", names), std::nullopt);
  EXPECT_EQ(closest("x", {}), std::nullopt);
  EXPECT_EQ(suggestion("jpgg", names), "did you mean \"jpeg\"?");
  EXPECT_EQ(suggestion("elephant", names), "known: gaussian_noise, shot_noise, jpeg");
}

class JsonCursorTest : public ::testing::Test {
 protected:
  Json document_ = parse_json(R"({"seeds": [1, 2.5, "x"], "a/b~c": {"on": true}, "big": 18446744073709551615,
                                  "rate": 0.5, "names": ["p", "q"]})",
                              "m.json");
  JsonCursor root_{document_, "m.json"};
};

TEST_F(JsonCursorTest, ReadsTypedValues) {
  EXPECT_EQ(root_.at("seeds").at(0).integer(), 1);
  EXPECT_EQ(root_.at("seeds").at(0).number(), 1.0);
  EXPECT_EQ(root_.at("rate").number_in(0, 1), 0.5);
  EXPECT_TRUE(root_.at("a/b~c").at("on").boolean());
  EXPECT_EQ(root_.at("names").strings(), (std::vector<std::string>{"p", "q"}));
  EXPECT_EQ(root_.keys(), (std::vector<std::string>{"a/b~c", "big", "names", "rate", "seeds"}));
  EXPECT_EQ(root_.string_or("none", "f"), "f");
  EXPECT_EQ(root_.integer_or("none", 4), 4);
  EXPECT_EQ(root_.number_or("rate", 4), 0.5);
  EXPECT_TRUE(root_.boolean_or("none", true));
  EXPECT_TRUE(root_.has("rate"));
  EXPECT_FALSE(root_.at("seeds").has("rate"));
}

TEST_F(JsonCursorTest, FailsWithFileAndPointer) {
  const auto error = error_of([&] { root_.at("seeds").at(1).integer(); });
  EXPECT_EQ(error.where(), "m.json: /seeds/1");
  EXPECT_EQ(error.problem(), "must be an integer, not 2.5");
  EXPECT_SAYS(error_of([&] { root_.at("seeds").at(2).number(); }), "/seeds/2: must be a number, not string");
  EXPECT_SAYS(error_of([&] { root_.at("seeds").strings(); }), "/seeds/0: must be a string, not number");
  EXPECT_SAYS(error_of([&] { root_.at("seeds").at(3); }), "/seeds: has no element 3");
  EXPECT_SAYS(error_of([&] { root_.at("nope"); }), "m.json: /: the key \"nope\" is missing");
  EXPECT_SAYS(error_of([&] { root_.at("rate").at("x"); }), "/rate: must be an object");
  EXPECT_SAYS(error_of([&] { root_.at("rate").at(0); }), "/rate: must be an array");
  EXPECT_SAYS(error_of([&] { root_.at("rate").boolean(); }), "/rate: must be true or false");
  EXPECT_SAYS(error_of([&] { root_.at("rate").string(); }), "/rate: must be a string");
  EXPECT_SAYS(error_of([&] { root_.at("rate").keys(); }), "/rate: must be an object");
  EXPECT_SAYS(error_of([&] { root_.integer_or("rate", 3); }), "/rate: must be an integer");
}

TEST_F(JsonCursorTest, EscapesPointers) { EXPECT_EQ(root_.at("a/b~c").at("on").pointer(), "/a~1b~0c/on"); }

TEST_F(JsonCursorTest, ChecksRanges) {
  EXPECT_SAYS(error_of([&] { root_.at("seeds").at(0).integer_in(2, 5); }), "is 1; give a value from 2 to 5");
  EXPECT_SAYS(error_of([&] { root_.at("rate").number_in(1, 2); }), "is 0.5");
  // Must not wrap to -1.
  EXPECT_SAYS(error_of([&] { root_.at("big").integer(); }), "/big: is 18446744073709551615");
}

TEST_F(JsonCursorTest, RefusesUnknownKeysWithASuggestion) {
  EXPECT_NO_THROW(root_.only_keys({"seeds", "a/b~c", "big", "rate", "names"}));
  EXPECT_SAYS(error_of([&] {
                root_.only_keys({"seed", "a/b~c", "big", "rate", "names"});
              }),
              "unknown key \"seeds\"; did you mean \"seed\"?");
  EXPECT_SAYS(error_of([&] { root_.at("rate").only_keys({}); }), "/rate: must be an object, not number");
}

TEST_F(JsonCursorTest, KeepsItsExitCodeOnTheWayDown) {
  const JsonCursor cursor(document_, "db", "", ExitCode::corrupt);
  EXPECT_EQ(error_of([&] { cursor.at("seeds").at(2).integer(); }).code(), ExitCode::corrupt);
}

}  // namespace
}  // namespace automask::core
