// The same bytes for any number of threads, any division into parts, and any restart.
#include <gtest/gtest.h>

#include "corruptions/variant.h"
#include "corruptions/writer/index.h"
#include "corruptions/writer/written.h"
#include "tests/unit/corruptions/writer_jobs.h"

namespace automask::corruptions {
namespace {

using testing::make_source;
using testing::stop_after;
using testing::tree;
using testing::writer_job;

class WriterBytes : public ::testing::TestWithParam<Layout> {
 protected:
  void SetUp() override { make_source(folder_ / "source", 8); }
  WriterJob job(const std::string& name) const {
    WriterJob job = writer_job(folder_ / "source", folder_ / name);
    job.layout = GetParam();
    return job;
  }
  // What one undisturbed thread writes.
  std::map<std::string, std::string> calm() {
    if (!std::filesystem::exists(folder_ / "calm")) write_variants(job("calm"), {});
    return tree(folder_ / "calm");
  }
  testing::TemporaryFolder folder_;
};

TEST_P(WriterBytes, DoNotDependOnTheNumberOfThreads) {
  EXPECT_GT(calm().size(), 6u);
  for (const int threads : {2, 7}) {
    WriterJob other = job("threads" + std::to_string(threads));
    other.threads = threads;
    const WriterSummary summary = write_variants(other, {});
    EXPECT_EQ(summary.written, 8u);
    EXPECT_EQ(tree(other.destination), calm()) << threads;
  }
}

TEST_P(WriterBytes, DependOnTheSeedAndTheSplit) {
  WriterJob seed = job("seed"), split = job("split");
  seed.seed = 6;
  split.split = "train";
  write_variants(seed, {});
  write_variants(split, {});
  const auto noisy = [&](const std::filesystem::path& folder) {
    auto found = testing::pictures_in(folder);
    std::erase_if(found, [](const auto& entry) { return !entry.first.starts_with("gaussian_noise/3/"); });
    return found;
  };
  calm();
  EXPECT_NE(noisy(folder_ / "seed"), noisy(folder_ / "calm"));
  EXPECT_NE(noisy(folder_ / "split"), noisy(folder_ / "calm"));
}

TEST_P(WriterBytes, DoNotDependOnTheDivisionIntoParts) {
  calm();
  for (const int parts : {2, 3, 9}) {
    WriterJob part = job("parts" + std::to_string(parts));
    part.parts = parts;
    std::size_t written = 0;
    std::vector<core::Json> lines;
    for (part.part = parts; part.part >= 1; --part.part) {  // the last part first
      written += write_variants(part, {}).written;
      const auto of_part = testing::lines_of(part.destination / index_name({part.part, parts}));
      EXPECT_EQ(of_part.front(), testing::lines_of(folder_ / "calm" / "index.jsonl").front());
      lines.insert(lines.end(), of_part.begin() + 1, of_part.end());
    }
    EXPECT_EQ(written, 8u);
    EXPECT_EQ(testing::pictures_in(part.destination), testing::pictures_in(folder_ / "calm")) << parts;
    std::sort(lines.begin(), lines.end(), [](const auto& a, const auto& b) { return a.at("i") < b.at("i"); });
    const auto whole = testing::lines_of(folder_ / "calm" / "index.jsonl");
    EXPECT_EQ(lines, std::vector<core::Json>(whole.begin() + 1, whole.end()));
    EXPECT_TRUE(verify(part.destination, 2, {}).good());
  }
}

TEST_P(WriterBytes, OfAResumedRunAreThoseOfAnUndisturbedOne) {
  calm();
  for (int stop = 0; stop <= 8; ++stop) {
    WriterJob again = job("stop" + std::to_string(stop));
    again.threads = 2;
    WriterSummary summary = write_variants(again, stop_after(stop));
    EXPECT_EQ(summary.stopped, stop < 8);
    EXPECT_LE(summary.written, static_cast<std::size_t>(stop));
    if (GetParam() == Layout::folder) {
      EXPECT_EQ(summary.written, static_cast<std::size_t>(stop));
    }
    const std::size_t before = summary.written;
    again.resume = true;
    again.threads = 1;
    summary = write_variants(again, {});
    EXPECT_EQ(summary.found, before);
    EXPECT_EQ(summary.written, 8 - before);
    EXPECT_EQ(tree(again.destination), calm()) << stop;
    EXPECT_EQ(write_variants(again, {}).written, 0u);
  }
}

TEST_P(WriterBytes, SurviveAJournalCutAnywhere) {
  calm();
  WriterJob stopped = job("stopped");
  write_variants(stopped, stop_after(7));
  const auto journal = stopped.destination / journal_name({});
  const std::string whole = core::read_file(journal);
  stopped.resume = true;
  const std::size_t header = whole.find('\n');
  for (std::size_t cut : {std::size_t{0}, std::size_t{1}, header, header + 1, header + 2, whole.size() / 2,
                          whole.size() - 2, whole.size() - 1, whole.size()}) {
    std::filesystem::remove(stopped.destination / "index.jsonl");
    testing::write_file(journal, whole.substr(0, cut));
    const WriterSummary summary = write_variants(stopped, {});
    const auto lines = std::count(whole.begin(), whole.begin() + std::ptrdiff_t(cut), '\n');
    const auto kept = static_cast<std::size_t>(std::max<std::ptrdiff_t>(lines - 1, 0));
    EXPECT_EQ(summary.found, GetParam() == Layout::folder ? kept : kept / 3 * 3) << cut;
    EXPECT_EQ(tree(stopped.destination), calm()) << cut;
  }
}

TEST_P(WriterBytes, AreWrittenAgainWhereTheIndexIsCutOrDamaged) {
  calm();
  WriterJob again = job("again");
  write_variants(again, {});
  const auto index = again.destination / "index.jsonl";
  const std::string whole = core::read_file(index);
  std::string damaged = whole;
  damaged[whole.size() / 2] = '\0';
  for (const std::string& bad : {whole.substr(0, whole.size() - 40), damaged}) {
    again.resume = false;
    testing::write_file(index, bad);
    EXPECT_SAYS(testing::error_of([&] { write_variants(again, {}); }), "cut off or damaged");
    again.resume = true;
    EXPECT_GT(write_variants(again, {}).written, 0u);
    EXPECT_EQ(tree(again.destination), calm());
  }
}

INSTANTIATE_TEST_SUITE_P(Layouts, WriterBytes, ::testing::Values(Layout::folder, Layout::shards),
                         [](const auto& layout) { return std::string(to_string(layout.param)); });

TEST(WriterBytes, AreThoseOfVariantsInMemory) {
  const testing::TemporaryFolder folder;
  for (int i = 0; i < 6; ++i)
    testing::write_file(folder / "source" / (i % 2 == 0 ? "a" : "b") / ("p" + std::to_string(i) + ".png"),
                        encode(testing::scene(32, 32, 3, i), Output::png));
  const std::vector<std::string> chains = {"clean", "gaussian_noise:3", "shot_noise:2 > jpeg:q30", "snow:2",
                                           "jpeg:2KiB > glass_blur:1"};
  for (const Output output : {Output::png, Output::raw}) {
    WriterJob job = writer_job(folder / "source", folder / std::string(to_string(output)), chains);
    job.output = output;
    write_variants(job, {});
    const WrittenVariants written(job.destination);
    ASSERT_EQ(written.size(), 6u);
    datasets::PictureSet clean = testing::scenes(6, 32, 3);
    // In the order of the source: a/p0 a/p2 a/p4 b/p1 b/p3 b/p5.
    clean.pixels.clear();
    for (std::size_t i = 0; i < 6; ++i) {
      const cv::Mat picture = testing::scene(32, 32, 3, static_cast<int>(i < 3 ? 2 * i : 2 * i - 5));
      clean.pixels.insert(clean.pixels.end(), picture.data, picture.data + 32 * 32 * 3);
      clean.ids[i] = core::hash64(written.path(i));
    }
    for (std::size_t k = 0; k < chains.size(); ++k) {
      const Variant variant = make_variant(clean, Condition::parse(chains[k]), {job.seed, job.split});
      for (std::size_t i = 0; i < 6; ++i) {
        const cv::Mat picture = written.load(k, i);
        EXPECT_TRUE(std::equal(picture.data, picture.data + 32 * 32 * 3, variant.pictures.picture(i).begin()))
            << chains[k] << " " << written.path(i);
      }
    }
  }
}

TEST(WriterBytes, OfALargePictureDoNotDependOnThreads) {
  const testing::TemporaryFolder folder;
  for (const char* name : {"a/x.jpg", "a/y.jpg"})
    testing::write_file(folder / "source" / name, encode(testing::scene(3000, 4000, 3), Output::jpeg85));
  std::map<std::string, std::string> trees[2];
  for (const int threads : {1, 2}) {
    WriterJob job = writer_job(folder / "source", folder / std::to_string(threads), {"impulse_noise:2 > jpeg:q30"});
    job.output = Output::jpeg85;
    job.threads = threads;
    write_variants(job, {});
    trees[threads - 1] = tree(job.destination);
  }
  EXPECT_EQ(trees[0], trees[1]);
  const std::string in_chain = "impulse_noise-2+jpeg-q30/a/";
  EXPECT_NE(trees[0].at(in_chain + "x.jpg"), trees[0].at(in_chain + "y.jpg"));  // noise of their own
}

}  // namespace
}  // namespace automask::corruptions
