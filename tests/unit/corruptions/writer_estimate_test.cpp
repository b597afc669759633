#include <gtest/gtest.h>

#include <numeric>

#include "corruptions/writer/writer.h"
#include "tests/unit/corruptions/writer_jobs.h"

namespace automask::corruptions {
namespace {

double bytes_in(const std::filesystem::path& folder) {
  double sum = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) sum += static_cast<double>(entry.file_size());
  return sum;
}

TEST(WriterEstimate, OfBytesIsNearWhatIsWritten) {
  const testing::TemporaryFolder folder;
  testing::make_source(folder / "source", 40);
  for (const Layout layout : {Layout::folder, Layout::shards})
    for (const Output output : {Output::png, Output::jpeg85, Output::raw}) {
      auto job = testing::writer_job(folder / "source",
                                     folder / (std::string(to_string(layout)) + std::string(to_string(output))),
                                     {"clean", "gaussian_noise:5", "fog:3", "shot_noise:2 > jpeg:q30"});
      job.layout = layout;
      job.output = output;
      const Estimate guess = estimate(job, 8);
      EXPECT_FALSE(std::filesystem::exists(job.destination));
      EXPECT_EQ(guess.pictures, 40u);
      EXPECT_EQ(guess.sampled, 8u);
      EXPECT_GT(guess.seconds, 0);
      EXPECT_GT(guess.free_bytes, 0);
      const double rows = std::accumulate(guess.rows.begin(), guess.rows.end(), 0.0,
                                          [](double sum, const auto& row) { return sum + row.bytes; });
      EXPECT_DOUBLE_EQ(guess.bytes, rows);
      write_variants(job, {});
      const double written = bytes_in(job.destination);
      EXPECT_LT(guess.bytes, 1.5 * written) << to_string(layout) << " " << to_string(output);
      EXPECT_GT(guess.bytes, written / 1.5) << to_string(layout) << " " << to_string(output);
    }
}

TEST(WriterEstimate, IsOfThePart) {
  const testing::TemporaryFolder folder;
  testing::make_source(folder / "source", 40);
  auto job = testing::writer_job(folder / "source", folder / "out");
  const double whole = estimate(job, 40).bytes;
  job.parts = 4;
  double sum = 0;
  for (job.part = 1; job.part <= 4; ++job.part) {
    const Estimate part = estimate(job, 40);
    EXPECT_EQ(part.pictures, 10u);
    sum += part.bytes;
  }
  EXPECT_NEAR(sum, whole, 1e-6 * whole);
}

TEST(WriterEstimate, LeavesUnreadablePicturesOutWithKeepGoing) {
  const testing::TemporaryFolder folder;
  testing::make_source(folder / "source", 4);
  testing::write_file(folder / "source/cat/bad.png", "");
  auto job = testing::writer_job(folder / "source", folder / "out");
  EXPECT_SAYS(testing::error_of([&] { estimate(job, 8); }), "bad.png: is empty");
  job.keep_going = true;
  EXPECT_EQ(estimate(job, 8).sampled, 4u);
}

}  // namespace
}  // namespace automask::corruptions
