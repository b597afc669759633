#include "harness/resolve.h"

#include <gmock/gmock.h>

#include "support.h"

namespace automask::harness {
namespace {

using core::ExitCode;
using test::Json;
using test::TempFolder;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> cells_of(const Json& json) {
  const TempFolder folder;
  const Manifest manifest = test::load(folder, json);
  std::vector<std::string> names;
  for (const Cell& cell : resolve_cells(manifest)) names.push_back(describe(manifest, cell));
  return names;
}

Json two_of_each() {
  Json json = test::small_manifest();
  json["models"]["wide"] = {{"name", "tinynet"}, {"width", 8}};
  return json;
}

TEST(Cells, MultiplyAllAxes) {
  EXPECT_THAT(cells_of(two_of_each()), ElementsAre("toy tiny masked host seed 0", "toy tiny plain host seed 0",
                                                   "toy wide masked host seed 0", "toy wide plain host seed 0"));
}

TEST(Cells, KeepTheOrderOfTheMatrix) {
  Json json = two_of_each();
  json["matrix"] = {{"method", {"plain", "masked"}}, {"model", {"wide"}}};
  json["seeds"] = {4, 2};
  EXPECT_THAT(cells_of(json), ElementsAre("toy wide plain host seed 4", "toy wide plain host seed 2",
                                          "toy wide masked host seed 4", "toy wide masked host seed 2"));
}

TEST(Cells, ZippedAxesAdvanceTogether) {
  Json json = two_of_each();
  json["matrix"] = {{"model", {"wide", "tiny"}},
                    {"method", {"masked", "plain"}},
                    {"zip", Json::array({Json::array({"method", "model"})})}};
  EXPECT_THAT(cells_of(json), ElementsAre("toy wide masked host seed 0", "toy tiny plain host seed 0"));
}

TEST(Cells, IncludeAddsAndExcludeRemoves) {
  Json json = two_of_each();
  json["matrix"] = {{"model", {"tiny"}},
                    {"include", {{{"model", "wide"}, {"method", "plain"}, {"seed", 9}}, {{"method", "plain"}}}},
                    {"exclude", {{{"method", "mask*"}}}}};
  EXPECT_THAT(cells_of(json), ElementsAre("toy tiny plain host seed 0", "toy wide plain host seed 9"));
}

TEST(Cells, RepetitionsAreCellsOfTheirOwn) {
  Json json = test::small_manifest();
  json["matrix"] = {{"method", {"plain"}}};
  json["repetitions"] = 2;
  EXPECT_THAT(cells_of(json), ElementsAre("toy tiny plain host seed 0", "toy tiny plain host seed 0 repetition 1"));
}

TEST(Cells, AnEmptyMatrixIsAnError) {
  const TempFolder folder;
  Json json = test::small_manifest();
  json["matrix"] = {{"exclude", {{{"dataset", "*"}}}}};
  const Manifest manifest = test::load(folder, json);
  EXPECT_THAT(test::sentence_of([&] { resolve_cells(manifest); }, ExitCode::invalid_manifest),
              AllOf(HasSubstr("manifest.json: /matrix"), HasSubstr("no cell")));
}

TEST(Filter, MatchesGlobsAndAlternatives) {
  const TempFolder folder;
  const Manifest manifest = test::load(folder, two_of_each());
  const auto cells = resolve_cells(manifest);
  const auto count = [&](const std::string& text) {
    const Filter filter = Filter::parse(text);
    return std::count_if(cells.begin(), cells.end(), [&](const Cell& cell) { return filter.matches(manifest, cell); });
  };
  EXPECT_EQ(count("method=plain"), 2);
  EXPECT_EQ(count("method=plain,model=w*"), 1);
  EXPECT_EQ(count("method=plain|masked"), 4);
  EXPECT_EQ(count("seed=1"), 0);
  EXPECT_EQ(count("seed=0,target=h?st"), 4);
}

TEST(Filter, RefusesUnknownAxes) {
  EXPECT_THAT(test::sentence_of([] { Filter::parse("metod=x"); }, ExitCode::usage), HasSubstr("\"method\""));
  EXPECT_THAT(test::sentence_of([] { Filter::parse("method"); }, ExitCode::usage), HasSubstr("no axis=value"));
  EXPECT_THAT(test::sentence_of([] { Filter::parse(""); }, ExitCode::usage), HasSubstr("--filter"));
}

}  // namespace
}  // namespace automask::harness
