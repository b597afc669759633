// What a job will need, from a few of its pictures.
#include <sys/statvfs.h>

#include <algorithm>
#include <chrono>
#include <mutex>

#include "core/error.h"
#include "core/parallel.h"
#include "corruptions/writer/encode.h"
#include "corruptions/writer/pictures.h"
#include "corruptions/writer/sink.h"
#include "corruptions/writer/tar.h"
#include "corruptions/writer/writer.h"

namespace automask::corruptions {
namespace {

using core::Error;
using core::Json;
using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::int64_t free_bytes(std::filesystem::path folder) {
  while (!folder.empty() && !std::filesystem::exists(folder) && folder != folder.parent_path())
    folder = folder.parent_path();
  struct statvfs status {};
  if (::statvfs(folder.empty() ? "." : folder.c_str(), &status) != 0) return 0;
  return static_cast<std::int64_t>(status.f_bavail) * static_cast<std::int64_t>(status.f_frsize);
}

// A picture's share of one condition's files and of the index.
double bytes_of(const WriterJob& job, const PictureRecord& record, std::size_t k, const std::string& file,
                const std::vector<std::string>& classes) {
  constexpr std::int64_t in_index = 2 + 64 + 1 + 7;  // hash in quotes, size, commas
  const auto size = static_cast<std::int64_t>(file.size());
  if (job.layout == Layout::folder) return static_cast<double>(size + in_index);
  const Description description = describe(record, job.conditions[k], classes);
  return static_cast<double>(tar_bytes(size) + tar_bytes(static_cast<std::int64_t>(description.json.size())) +
                             (record.label < 0 ? 0 : tar_bytes(1)) + in_index);
}

}  // namespace

Estimate estimate(const WriterJob& job, std::size_t sample) {
  cv::setNumThreads(0);
  const Pictures pictures(job);
  const auto per_shard = job.layout == Layout::shards ? static_cast<std::size_t>(job.pictures_per_shard) : 0;
  const std::vector<std::size_t> numbers = numbers_of({job.part, job.parts}, pictures.size(), per_shard);
  Estimate result;
  result.pictures = numbers.size();
  result.free_bytes = free_bytes(std::filesystem::absolute(job.destination));
  for (const Condition& condition : job.conditions) result.rows.push_back({condition.canonical()});
  const std::size_t wanted = std::min(sample, numbers.size());
  std::mutex mutex;
  core::parallel_for(wanted, job.threads, [&](std::size_t s) {
    PictureRecord record;
    record.number = numbers[numbers.size() * s / wanted];
    record.path = pictures.path(record.number);
    record.label = pictures.label(record.number);
    std::vector<Estimate::Row> rows(job.conditions.size());
    double decode_seconds = 0;
    try {
      auto start = Clock::now();
      const cv::Mat picture = pictures.load(record.number);
      decode_seconds = since(start);
      for (std::size_t k = 0; k < rows.size(); ++k) {
        start = Clock::now();
        std::int64_t encoded_bytes = -1;
        const std::string file =
            encode(corrupted(job, record.path, job.conditions[k], picture, &encoded_bytes), job.output);
        rows[k].bytes = bytes_of(job, record, k, file, pictures.classes());
        rows[k].seconds = since(start);
      }
    } catch (const Error& error) {
      if (job.keep_going && error.code() == core::ExitCode::steps_failed) return;
      throw;
    }
    const std::lock_guard lock(mutex);
    ++result.sampled;
    result.decode_seconds += decode_seconds;
    for (std::size_t k = 0; k < rows.size(); ++k) {
      result.rows[k].bytes += rows[k].bytes;
      result.rows[k].seconds += rows[k].seconds;
    }
  });
  const double scale =
      result.sampled == 0 ? 0 : static_cast<double>(numbers.size()) / static_cast<double>(result.sampled);
  result.decode_seconds *= scale;
  result.seconds = result.decode_seconds;
  for (Estimate::Row& row : result.rows) {
    row.bytes *= scale;
    row.seconds *= scale;
    result.bytes += row.bytes;
    result.seconds += row.seconds;
  }
  result.seconds /= job.threads;
  return result;
}

Json to_json(const Estimate& estimate) {
  Json rows = Json::array();
  for (const Estimate::Row& row : estimate.rows)
    rows.push_back({{"condition", row.condition}, {"bytes", row.bytes}, {"seconds", row.seconds}});
  return {{"pictures", estimate.pictures},
          {"sampled", estimate.sampled},
          {"bytes", estimate.bytes},
          {"seconds", estimate.seconds},
          {"decode_seconds", estimate.decode_seconds},
          {"free_bytes", estimate.free_bytes},
          {"conditions", rows}};
}

}  // namespace automask::corruptions
