// What the index says of written pictures, and what --verify makes of it.
#include "corruptions/writer/index.h"

#include <gtest/gtest.h>

#include "corruptions/writer/tar.h"
#include "corruptions/writer/written.h"
#include "datasets/tar.h"
#include "tests/unit/corruptions/writer_jobs.h"

namespace automask::corruptions {
namespace {

using testing::error_of;
using testing::lines_of;
using testing::make_source;
using testing::writer_job;

class WriterIndex : public ::testing::Test {
 protected:
  WriterJob job(Layout layout = Layout::folder) const {
    WriterJob job = writer_job(folder_ / "source", folder_ / "out", {"clean", "jpeg:q30", "jpeg:2KiB > contrast:2"});
    job.layout = layout;
    return job;
  }
  std::filesystem::path out(const std::string& name) const { return folder_ / "out" / name; }
  testing::TemporaryFolder folder_;
};

TEST_F(WriterIndex, SaysHowThePicturesCameAbout) {
  make_source(folder_ / "source");
  write_variants(job(), {});
  const auto header = lines_of(out("index.jsonl")).front();
  EXPECT_EQ(header.at("automask_index"), 1);
  EXPECT_EQ(header.at("variant"), "fixed");
  EXPECT_EQ(header.at("seed"), 5);
  EXPECT_EQ(header.at("split"), "test");
  EXPECT_EQ(header.at("preprocess"), "none");
  EXPECT_EQ(header.at("output"), "png");
  EXPECT_EQ(header.at("layout"), "folder");
  EXPECT_EQ(header.at("pictures"), 8);
  EXPECT_EQ(header.at("classes"), core::Json({"cat", "dog"}));
  EXPECT_EQ(header.at("versions").at("automask"), "test");
  EXPECT_EQ(header.at("versions").at("opencv"), CV_VERSION);
  EXPECT_EQ(header.at("versions").at("output").get<std::string>().rfind("libpng 1.", 0), 0u);
  ASSERT_EQ(header.at("conditions").size(), 3u);
  const auto& chain = header.at("conditions").at(2);
  EXPECT_EQ(chain.at("condition"), "jpeg:2048B > contrast:2");
  EXPECT_EQ(chain.at("folder"), "jpeg-2048B+contrast-2");
  EXPECT_EQ(chain.at("chain").at(0).at("operator"), "jpeg");
  EXPECT_EQ(chain.at("chain").at(1).at("level"), 2);
  EXPECT_EQ(chain.at("chain").at(1).at("parameters").at("factor"), .3);  // ImageNet-C's contrast of severity 2
  EXPECT_EQ(header.at("conditions").at(1).at("chain").at(0).at("parameters").at("quality"), 30);
}

TEST_F(WriterIndex, HasEachFileWithItsHashAndBytes) {
  make_source(folder_ / "source");
  const WriterSummary summary = write_variants(job(), {});
  const auto lines = lines_of(out("index.jsonl"));
  ASSERT_EQ(lines.size(), 9u);
  const char* const folders[] = {"clean", "jpeg/q30", "jpeg-2048B+contrast-2"};
  std::int64_t bytes = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    const auto& line = lines[i + 1];
    EXPECT_EQ(line.at("i"), i);
    EXPECT_EQ(line.at("label"), i < 4 ? 0 : 1);
    const std::string name = line.at("name");
    EXPECT_EQ(std::filesystem::path(name).extension(), ".png");
    EXPECT_EQ(std::filesystem::path(name).stem(), std::filesystem::path(line.at("path").get<std::string>()).stem());
    for (std::size_t k = 0; k < 3; ++k) {
      const auto file = out(folders[k]) / name;
      EXPECT_EQ(line.at("sha256").at(k), core::sha256_file(file)) << file;
      EXPECT_EQ(line.at("bytes").at(k), std::filesystem::file_size(file)) << file;
      bytes += line.at("bytes").at(k).get<std::int64_t>();
    }
    // Of the codec, not of the file: clean has none, a budget is kept.
    EXPECT_TRUE(line.at("encoded_bytes").at(0).is_null());
    const std::string path = line.at("path");
    const cv::Mat clean = decode(core::read_file(folder_ / "source" / path), path);
    std::int64_t encoded = 0;
    testing::apply_operator("jpeg", clean, 30, 1, &encoded);
    EXPECT_EQ(line.at("encoded_bytes").at(1), encoded);
    EXPECT_LE(line.at("encoded_bytes").at(2), 2048);
  }
  EXPECT_EQ(summary.bytes, bytes);
  WriterJob plain = writer_job(folder_ / "source", folder_ / "plain", {"clean", "contrast:2"});
  write_variants(plain, {});
  EXPECT_FALSE(lines_of(folder_ / "plain" / "index.jsonl").at(1).contains("encoded_bytes"));
}

TEST_F(WriterIndex, ListsWhatWasLeftOut) {
  make_source(folder_ / "source");
  testing::write_file(folder_ / "source/cat/a_bad.png", "no picture");
  testing::write_file(folder_ / "source/dog/wide.jpg", encode(testing::scene(1, 17000, 3), Output::jpeg85));
  for (const Layout layout : {Layout::folder, Layout::shards}) {
    WriterJob job = writer_job(folder_ / "source", folder_ / std::string(to_string(layout)), {"clean", "webp:q30"});
    job.layout = layout;
    job.threads = layout == Layout::folder ? 2 : 1;  // alone, a picture is in its shard before its codec refuses it
    const core::Error error = error_of([&] { write_variants(job, {}); });
    EXPECT_EQ(error.code(), core::ExitCode::steps_failed);
    EXPECT_SAYS(error, "--keep-going");
    job.keep_going = job.resume = true;
    std::vector<std::string> notes;
    WriterHooks hooks;
    hooks.note = [&](const std::string& note) { notes.push_back(note); };
    const WriterSummary summary = write_variants(job, hooks);
    EXPECT_EQ(summary.skipped, 2u);
    EXPECT_EQ(summary.found + summary.written + summary.skipped, 10u);
    EXPECT_GE(notes.size(), 1u);
    const auto lines = lines_of(job.destination / "index.jsonl");
    ASSERT_EQ(lines.size(), 11u);
    EXPECT_EQ(lines[1].at("path"), "cat/a_bad.png");
    EXPECT_NE(lines[1].at("error").get<std::string>().find("is no JPEG"), std::string::npos) << lines[1];
    EXPECT_EQ(lines[10].at("path"), "dog/wide.jpg");  // WebP ends at 16383
    EXPECT_NE(lines[10].at("error").get<std::string>().find("dog/wide.jpg: webp:q30"), std::string::npos) << lines[10];
    EXPECT_FALSE(lines[10].contains("sha256"));
    EXPECT_FALSE(std::filesystem::exists(job.destination / "clean/dog/wide.png"));  // under no condition
    if (layout == Layout::shards) {
      const datasets::Tar last(job.destination / "clean/shard-000003.tar");
      for (const auto& member : last.members()) EXPECT_EQ(member.path.find("wide"), std::string::npos) << member.path;
    }
    EXPECT_TRUE(verify(job.destination, 1, {}).good());
    EXPECT_EQ(WrittenVariants(job.destination).size(), 8u);
  }
}

TEST_F(WriterIndex, VerifyFindsMissingChangedAndTruncatedFiles) {
  make_source(folder_ / "source");
  write_variants(job(), {});
  EXPECT_TRUE(verify(out(""), 2, {}).good());
  EXPECT_EQ(verify(out(""), 2, {}).files, 24u);
  std::filesystem::remove(out("clean/cat/p0.png"));
  const auto changed = out("jpeg/q30/cat/p2.png"), cut = out("jpeg/q30/dog/p3.png");
  std::string bytes = core::read_file(changed);
  bytes.back() ^= 1;
  testing::write_file(changed, bytes);
  std::filesystem::resize_file(cut, std::filesystem::file_size(cut) - 1);
  const Verdict verdict = verify(out(""), 2, {});
  EXPECT_FALSE(verdict.good());
  EXPECT_EQ(verdict.missing, 1u);
  EXPECT_EQ(verdict.changed, 2u);
  ASSERT_EQ(verdict.faults.size(), 3u);
  EXPECT_NE(verdict.faults[0].find("p0.png is missing"), std::string::npos);
  EXPECT_NE(verdict.faults[1].find("p2.png has other content"), std::string::npos);
  EXPECT_NE(verdict.faults[2].find("p3.png has "), std::string::npos);
}

TEST_F(WriterIndex, VerifyReadsShards) {
  make_source(folder_ / "source");
  write_variants(job(Layout::shards), {});
  EXPECT_TRUE(verify(out(""), 2, {}).good());
  EXPECT_EQ(verify(out(""), 2, {}).files, 24u);
  const auto shard = out("jpeg/q30/shard-000001.tar");
  std::string bytes = core::read_file(shard);
  bytes[bytes.find("IDAT") + 8] ^= 1;
  testing::write_file(shard, bytes);
  std::filesystem::remove(out("clean/shard-000002.tar"));
  const Verdict verdict = verify(out(""), 2, {});
  EXPECT_EQ(verdict.changed, 1u);
  EXPECT_EQ(verdict.missing, 2u);  // pictures 6 and 7
  std::filesystem::resize_file(shard, 700);
  EXPECT_EQ(verify(out(""), 1, {}).missing, 5u);
  EXPECT_EQ(verify(out(""), 1, {}).changed, 1u);  // "is truncated"
}

TEST_F(WriterIndex, VerifyTellsUnfinishedAndCutIndexes) {
  make_source(folder_ / "source");
  write_variants(job(), testing::stop_after(3));
  EXPECT_EQ(verify(out(""), 1, {}).unfinished, 1u);
  EXPECT_EQ(verify(out(""), 1, {}).files, 9u);
  WriterJob again = job();
  again.resume = true;
  write_variants(again, {});
  EXPECT_TRUE(verify(out(""), 1, {}).good());
  std::string whole = core::read_file(out("index.jsonl"));
  for (const std::size_t cut : {whole.size() - 1, whole.size() - 60, whole.rfind('\n', whole.size() - 2) + 1}) {
    testing::write_file(out("index.jsonl"), whole.substr(0, cut));
    const Verdict verdict = verify(out(""), 1, {});
    EXPECT_FALSE(verdict.good()) << cut;
    ASSERT_EQ(verdict.faults.size(), 1u);
    EXPECT_NE(verdict.faults[0].find("lists 7 of 8 pictures"), std::string::npos) << verdict.faults[0];
    EXPECT_ANY_THROW(WrittenVariants(out("")));
  }
  testing::write_file(out("index.jsonl"), "{\"automask_index\":1}\n");
  EXPECT_EQ(error_of([&] { verify(out(""), 1, {}); }).code(), core::ExitCode::corrupt);
  EXPECT_EQ(error_of([&] { verify(folder_ / "source", 1, {}); }).code(), core::ExitCode::usage);
}

TEST_F(WriterIndex, VerifyThatIsInterruptedSaysSo) {
  make_source(folder_ / "source");
  write_variants(job(), {});
  EXPECT_EQ(error_of([&] { verify(out(""), 1, testing::stop_after(0)); }).code(), core::ExitCode::interrupted);
}

TEST_F(WriterIndex, WrittenPicturesAreReadBackFromPartsAndShards) {
  make_source(folder_ / "source");
  WriterJob whole = job();
  write_variants(whole, {});
  WriterJob parts = job(Layout::shards);
  parts.destination = folder_ / "parts";
  parts.output = Output::raw;
  parts.parts = 2;
  write_variants(parts, {});
  EXPECT_SAYS(error_of([&] { WrittenVariants(folder_ / "parts"); }), "holds 5 of 8 pictures");
  parts.part = 2;
  write_variants(parts, testing::stop_after(1));
  EXPECT_SAYS(error_of([&] { WrittenVariants(folder_ / "parts"); }), "is unfinished");
  parts.resume = true;
  write_variants(parts, {});
  const WrittenVariants a(whole.destination), b(parts.destination);
  EXPECT_EQ(a.conditions(), (std::vector<std::string>{"clean", "jpeg:q30", "jpeg:2048B > contrast:2"}));
  ASSERT_EQ(a.size(), 8u);
  ASSERT_EQ(b.size(), 8u);
  for (std::size_t i = 0; i < 8; ++i) {
    EXPECT_EQ(a.path(i), b.path(i));
    EXPECT_EQ(a.label(i), i < 4 ? 0 : 1);
    EXPECT_EQ(b.label(i), a.label(i));
    for (std::size_t k = 0; k < 3; ++k) EXPECT_EQ(testing::difference(a.load(k, i), b.load(k, i)), 0);
  }
}

}  // namespace
}  // namespace automask::corruptions
