// What the writer refuses, and that nothing outside of its destination is written.
#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>

#include "corruptions/writer/index.h"
#include "corruptions/writer/tar.h"
#include "tests/unit/corruptions/writer_jobs.h"

namespace automask::corruptions {
namespace {

namespace fs = std::filesystem;
using testing::error_of;
using testing::make_source;
using testing::tree;
using testing::writer_job;

class WriterRefuses : public ::testing::Test {
 protected:
  void SetUp() override { make_source(folder_ / "source", 4); }
  WriterJob job(const std::string& destination = "out") const {
    return writer_job(folder_ / "source", folder_ / destination, {"clean", "contrast:2"});
  }
  // The job is refused with this sentence and nothing in the whole folder has changed.
  void refused(const WriterJob& job, const std::string& sentence, core::ExitCode code = core::ExitCode::usage) {
    const auto before = tree(folder_.path());
    const core::Error error = error_of([&] { write_variants(job, {}); });
    EXPECT_SAYS(error, sentence);
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_EQ(tree(folder_.path()), before) << sentence;
  }
  testing::TemporaryFolder folder_;
};

TEST_F(WriterRefuses, DestinationsThatHoldOtherThings) {
  testing::write_file(folder_ / "out/thesis.txt", "years of work");
  refused(job(), "is not empty and holds no index");
  refused(job("out/thesis.txt"), "cannot be created");
  testing::write_file(folder_ / "out/index.jsonl", "{\"mine\": 1}\n");
  refused(job(), "is no index of written variants", core::ExitCode::corrupt);
  refused(job("source/cat/p0.png/deeper"), "lies inside the source");
}

TEST_F(WriterRefuses, DestinationsInsideTheSource) {
  refused(job("source"), "lies inside the source");
  refused(job("source/new/folder"), "lies inside the source");
  refused(job("source/../source/new"), "lies inside the source");
  fs::create_directory_symlink(folder_ / "source", folder_ / "alias");
  refused(job("alias/new"), "lies inside the source");
  WriterJob beside = job("source2");  // only begins with the same letters
  EXPECT_EQ(write_variants(beside, {}).written, 4u);
}

TEST_F(WriterRefuses, AnotherJobsIndexAndNamesTheField) {
  write_variants(job(), {});
  WriterJob other = job();
  other.resume = true;
  const auto changed = [&](const std::string& pointer, auto&& change) {
    WriterJob copy = other;
    change(copy);
    refused(copy, "belongs to another job: " + pointer);
  };
  changed("/seed is 5 there and 6 here", [](WriterJob& j) { j.seed = 6; });
  changed("/split", [](WriterJob& j) { j.split = "train"; });
  changed("/layout", [](WriterJob& j) { j.layout = Layout::shards; });
  changed("/output", [](WriterJob& j) { j.output = Output::raw; });
  changed("/preprocess", [](WriterJob& j) { j.preparation = Preparation::imagenet224; });
  changed("/versions/automask", [](WriterJob& j) { j.program_version = "2"; });
  changed("/conditions", [](WriterJob& j) { j.conditions.pop_back(); });
  other.parts = 2;
  refused(other, "divides the job into 1 parts, not 2");
  make_source(folder_ / "source", 5);
  refused(job(), "belongs to another job: /");
}

TEST_F(WriterRefuses, AnUnfinishedRunWithoutResumeAndASecondProcess) {
  write_variants(job(), testing::stop_after(2));
  refused(job(), "go on with --resume");
  const Journal open(folder_ / "out", {}, testing::lines_of(folder_ / "out" / journal_name({})).front(), true);
  WriterJob second = job();
  second.resume = true;
  refused(second, "is being written by another process");
}

TEST_F(WriterRefuses, SymbolicLinksOutOfTheDestination) {
  fs::create_directories(folder_ / "elsewhere");
  const auto linked = [&](const std::string& link, const fs::path& target, const std::string& sentence) {
    WriterJob again = job("out-" + std::to_string(link.size()));
    write_variants(again, testing::stop_after(0));  // leaves a journal
    fs::create_directories((again.destination / link).parent_path());
    fs::remove(again.destination / link);
    fs::create_symlink(target, again.destination / link);
    again.resume = true;
    const core::Error error = error_of([&] { write_variants(again, {}); });
    EXPECT_SAYS(error, sentence);
    EXPECT_EQ(error.code(), core::ExitCode::usage);
    EXPECT_TRUE(fs::is_empty(folder_ / "elsewhere")) << link;
  };
  linked("clean", folder_ / "elsewhere", "is a symbolic link, nothing is written through it");
  linked("contrast/2", folder_ / "elsewhere", "is a symbolic link");
  linked("clean/cat", folder_ / "elsewhere", "is a symbolic link");
  linked("index.jsonl.unfinished", folder_ / "elsewhere/journal", "is a symbolic link");
  linked("index.jsonl", folder_ / "elsewhere/index", "is a symbolic link");
}

TEST_F(WriterRefuses, ToFollowLinksInTheWayOfFiles) {
  testing::write_file(folder_ / "precious", "old");
  WriterJob again = job();
  write_variants(again, testing::stop_after(0));
  fs::create_directories(folder_ / "out/clean/cat");
  for (const char* name : {"out/clean/cat/p0.png", "out/clean/cat/p0.png.tmp"})
    fs::create_symlink(folder_ / "precious", folder_ / name);
  again.resume = true;
  write_variants(again, {});
  EXPECT_EQ(core::read_file(folder_ / "precious"), "old");
  EXPECT_FALSE(fs::is_symlink(folder_ / "out/clean/cat/p0.png"));
  EXPECT_TRUE(verify(folder_ / "out", 1, {}).good());
}

TEST_F(WriterRefuses, SubsetsWithUnknownNames) {
  WriterJob subset = job();
  subset.subset = folder_ / "list.txt";
  testing::write_file(subset.subset, "cat/p0.png\r\n\ncat/p9.png\n");
  refused(subset, "list.txt:3: \"cat/p9.png\" is not in ");
  testing::write_file(subset.subset, "\n");
  refused(subset, "holds no pictures");
  subset.subset = folder_ / "nowhere";
  refused(subset, "nowhere: cannot be read");
  subset.subset = folder_ / "list.txt";
  testing::write_file(subset.subset, "dog/p3.JPEG\ncat/p0.png\ndog/p3.JPEG\n");
  EXPECT_EQ(write_variants(subset, {}).written, 2u);
  // A picture's noise does not depend on what else is there.
  write_variants(job("all"), {});
  EXPECT_EQ(core::read_file(folder_ / "out/contrast/2/dog/p3.png"),
            core::read_file(folder_ / "all/contrast/2/dog/p3.png"));
}

TEST_F(WriterRefuses, MembersThatLeaveTheDestination) {
  const std::string picture = encode(testing::scene(8, 8, 3), Output::png);
  {
    TarWriter tar(folder_ / "evil.tar");
    for (const char* name : {"../../escaped.png", "/tmp/automask-escaped.png", "cat/../../up.png", "cat/good.png"})
      tar.add(name, picture);
    tar.commit();
  }
  WriterJob evil = job();
  evil.source = (folder_ / "evil.tar").string();
  std::vector<std::string> notes;
  WriterHooks hooks;
  hooks.note = [&](const std::string& note) { notes.push_back(note); };
  EXPECT_EQ(write_variants(evil, hooks).written, 1u);
  EXPECT_EQ(notes.size(), 3u);
  const auto there = tree(folder_ / "out");
  EXPECT_TRUE(there.contains("clean/cat/good.png"));
  EXPECT_EQ(there.size(), 8u);  // index, two conditions with folders, class and file
  EXPECT_FALSE(fs::exists("/tmp/automask-escaped.png"));
  EXPECT_FALSE(fs::exists(folder_ / "escaped.png"));
}

TEST_F(WriterRefuses, NamesThatAreNotUtf8) {
  fs::copy(folder_ / "source/cat/p0.png", folder_ / "source/cat/\xff.png");
  refused(job(), "paths must be UTF-8");
}

TEST(WriterNames, ThatWouldCollideAreKeptApart) {
  const testing::TemporaryFolder folder;
  int number = 0;
  // Names that a field of tar cannot hold, and that are not ASCII, come through as well.
  const std::string deep = "c/" + std::string(90, 'd') + "/" + std::string(120, 'f') + ".png";
  for (const std::string name : {"c/a.jpg", "c/a.png", "c/a.png.png", "c/b.x.png", "c/b_x.png", "c/d.JPEG", "c/d.jpg",
                                 "c/K\xc3\xa4se.png", deep.c_str()})
    testing::write_file(folder / "source" / name, encode(testing::scene(9, 9, 3, ++number),
                                                         name.ends_with("png") ? Output::png : Output::jpeg85));
  WriterJob job = writer_job(folder / "source", folder / "folder", {"clean"});
  write_variants(job, {});
  for (const char* name : {"a.jpg.png", "a.png.png", "a.png.png.png", "b.x.png", "b_x.png", "d.JPEG.png", "d.jpg.png",
                           "K\xc3\xa4se.png", deep.c_str() + 2})
    EXPECT_TRUE(fs::exists(folder / "folder" / "clean/c" / name)) << name;
  job.destination = folder / "shards";
  job.layout = Layout::shards;
  job.output = Output::jpeg85;
  write_variants(job, {});
  std::set<std::string> keys;  // as WebDataset sees them
  for (const auto& line : testing::lines_of(folder / "shards" / "index.jsonl"))
    if (line.contains("name")) {
      const std::string member = member_name(line.at("name"));
      EXPECT_EQ(std::count(member.begin(), member.end(), '.'), 1) << member;
      keys.insert(member.substr(0, member.find('.')));
    }
  EXPECT_EQ(keys.size(), 9u);
  EXPECT_TRUE(verify(folder / "folder", 1, {}).good());
  EXPECT_TRUE(verify(folder / "shards", 1, {}).good());
}

TEST(WriterNames, OfConditionsAreTheirOwn) {
  std::set<std::string> folders;
  std::size_t conditions = 0;
  for (const char* text : {"clean", "fog:1", "fog:2", "jpeg:q30", "jpeg:q30,444", "jpeg:q30,progressive", "jpeg:30B",
                           "jpeg:q30 > fog:1", "fog:1 > jpeg:q30", "fog:1 > fog:1", "jpeg:q30,444 > fog:1",
                           "h264:crf30", "h265:crf30", "jpeg_compression:1"}) {
    folders.insert(condition_folder(Condition::parse(text)));
    ++conditions;
  }
  EXPECT_EQ(folders.size(), conditions);
  EXPECT_TRUE(folders.contains("fog/1"));
  for (const Condition& condition : corruption_grid("all", "1-5")) {
    const std::string text = condition.canonical();
    EXPECT_EQ(condition_folder(condition), text.substr(0, text.find(':')) + "/" + text.substr(text.find(':') + 1));
  }
  EXPECT_EQ(corruption_grid("all", "1-5").size(), 95u);
  EXPECT_EQ(corruption_grid("imagenet-c", "1-5").size(), 75u);
  EXPECT_EQ(corruption_grid("extra,fog,extra", "5,1-2").size(), 15u);
}

}  // namespace
}  // namespace automask::corruptions
