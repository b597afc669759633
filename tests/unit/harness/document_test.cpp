#include "harness/document.h"

#include <gmock/gmock.h>

#include "harness/manifest.h"
#include "support.h"

namespace automask::harness {
namespace {

using core::ExitCode;
using test::Json;
using test::TempFolder;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

TEST(Document, IncludesAreMergedMemberByMember) {
  const TempFolder folder;
  folder.write("base.json", Json{{"train", {{"epochs", 3}, {"batch", 64}}}, {"seeds", {0, 1, 2}}});
  folder.write("more.json", Json{{"train", {{"batch", 32}}}});
  const auto file = folder.write(
      "main.json", Json{{"include", {"base.json", "more.json"}}, {"train", {{"epochs", 1}}}, {"seeds", {5}}});
  EXPECT_EQ(read_document(file).json, (Json{{"train", {{"epochs", 1}, {"batch", 32}}}, {"seeds", {5}}}));
}

TEST(Document, IncludesAndTheirDataAreRelativeToTheirFile) {
  const TempFolder folder;
  folder.write("deep/er/leaf.json", Json{{"datasets", {{"a", {{"path", "pictures"}}}, {"b", {{"path", "/abs"}}}}}});
  folder.write("deep/middle.json", Json{{"include", {"er/leaf.json"}}});
  const auto file = folder.write("main/main.json", Json{{"include", {"../deep/middle.json"}}, {"name", "x"}});
  const Json json = read_document(file).json;
  EXPECT_EQ(json["datasets"]["a"]["path"], "../deep/er/pictures");
  EXPECT_EQ(json["datasets"]["b"]["path"], "/abs");
}

TEST(Document, NamesACycleFileByFile) {
  const TempFolder folder;
  folder.write("b.json", Json{{"include", {"c.json"}}});
  folder.write("c.json", Json{{"include", {"b.json"}}});
  const auto file = folder.write("a.json", Json{{"include", {"b.json"}}});
  EXPECT_THAT(test::sentence_of([&] { read_document(file); }, ExitCode::invalid_manifest),
              AllOf(HasSubstr("cycle"), HasSubstr("b.json > c.json > b.json"), HasSubstr("remove")));
}

TEST(Document, TheSameFileTwiceIsNoCycle) {
  const TempFolder folder;
  folder.write("base.json", Json{{"seeds", {1}}});
  folder.write("x.json", Json{{"include", {"base.json"}}});
  const auto file = folder.write("a.json", Json{{"include", {"base.json", "x.json"}}});
  EXPECT_EQ(read_document(file).json, (Json{{"seeds", {1}}}));
}

TEST(Document, NamesAMissingInclude) {
  const TempFolder folder;
  const auto file = folder.write("a.json", Json{{"include", {"nowhere.json"}}});
  EXPECT_THAT(test::sentence_of([&] { read_document(file); }, ExitCode::invalid_manifest),
              AllOf(HasSubstr("a.json: /include/0"), HasSubstr("nowhere.json")));
  EXPECT_THAT(test::sentence_of([&] { read_document(folder / "none.json"); }, ExitCode::invalid_manifest),
              AllOf(HasSubstr("none.json"), HasSubstr("does not exist")));
}

TEST(Document, BrokenJsonNamesTheIncludedFileAndLine) {
  const TempFolder folder;
  folder.write("broken.json", std::string("{\"a\": 1,\n \"b\": }"));
  const auto file = folder.write("a.json", Json{{"include", {"broken.json"}}});
  EXPECT_THAT(test::sentence_of([&] { read_document(file); }, ExitCode::invalid_manifest),
              AllOf(HasSubstr("broken.json"), HasSubstr("line 2")));
}

// A fault is named in the file that holds it, not in the one that includes it.
TEST(Document, FaultsAreNamedWhereTheyAre) {
  const TempFolder folder;
  Json base = test::small_manifest();
  base["train"]["epohcs"] = 1;
  folder.write("base.json", base);
  const auto file = folder.write("main.json", Json{{"include", {"base.json"}}, {"train", {{"batch", 8}}}});
  EXPECT_THAT(test::sentence_of([&] { test::load(file); }, ExitCode::invalid_manifest),
              AllOf(HasSubstr("base.json: /train"), HasSubstr("epohcs")));

  const auto other = folder.write("other.json", Json{{"include", {"base.json"}}, {"train", {{"epohcs", 1}}}});
  EXPECT_THAT(test::sentence_of([&] { test::load(other); }, ExitCode::invalid_manifest),
              HasSubstr("other.json: /train"));
}

TEST(SetValue, TakesPointersAndDots) {
  Document document;
  document.json = {{"train", {{"epochs", 3}}}, {"seeds", {0, 1}}};
  set_value(document, "/train/epochs=1");
  set_value(document, "train.batch=16");
  set_value(document, "name=first study");
  set_value(document, "/seeds/0=7");
  set_value(document, "methods.x={\"method\": \"clean\"}");
  EXPECT_EQ(document.json, (Json{{"train", {{"epochs", 1}, {"batch", 16}}},
                                 {"name", "first study"},
                                 {"seeds", {7, 1}},
                                 {"methods", {{"x", {{"method", "clean"}}}}}}));
  set_value(document, "methods.x=null");
  set_value(document, "/seeds/1=null");
  EXPECT_EQ(document.json["methods"], Json::object());
  EXPECT_EQ(document.json["seeds"], Json{7});
}

TEST(SetValue, SaysWhatItCannotSet) {
  Document document;
  document.json = {{"name", "x"}, {"seeds", {0}}};
  for (const char* bad : {"epochs", "=3", "/name/deeper=1", "/seeds/x=1", "/absent/deeper=null"}) {
    EXPECT_THAT(test::sentence_of([&] { set_value(document, bad); }, ExitCode::usage),
                HasSubstr(std::string("--set ") + bad));
  }
}

TEST(SetValue, FaultsNameTheOption) {
  const TempFolder folder;
  Document document = read_document(folder.write("m.json", test::small_manifest()));
  set_value(document, "/train/epoch=1");
  EXPECT_THAT(test::sentence_of([&] { parse_manifest(document); }, ExitCode::invalid_manifest),
              AllOf(StartsWith("--set /train/epoch=1: /train"), HasSubstr("\"epochs\"")));
}

TEST(SetData, ReplacesOneFolderOrAll) {
  Document document;
  document.json = {{"datasets", {{"a", {{"path", "x"}}}, {"b", {{"path", "y"}}}}}};
  set_data(document, "a=/pictures");
  EXPECT_EQ(document.json["datasets"]["a"]["path"], "/pictures");
  EXPECT_EQ(document.json["datasets"]["b"]["path"], "y");
  set_data(document, "/all");
  EXPECT_EQ(document.json["datasets"]["b"]["path"], "/all");
  EXPECT_THAT(test::sentence_of([&] { set_data(document, "aa=/x"); }, ExitCode::usage),
              HasSubstr("did you mean \"a\""));
}

TEST(SetLimit, LimitsTestPicturesOfEveryDataSet) {
  Document document;
  document.json = {{"datasets", {{"a", {{"path", "x"}, {"limit", {{"train", 9}}}}}, {"b", {{"path", "y"}}}}}};
  set_limit(document, 50);
  EXPECT_EQ(document.json["datasets"]["a"]["limit"], (Json{{"train", 9}, {"test", 50}}));
  EXPECT_EQ(document.json["datasets"]["b"]["limit"], (Json{{"test", 50}}));
  test::sentence_of([&] { set_limit(document, 0); }, ExitCode::usage);
}

}  // namespace
}  // namespace automask::harness
