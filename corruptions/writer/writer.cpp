#include "corruptions/writer/writer.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>

#include "core/error.h"
#include "core/hash.h"
#include "core/parallel.h"
#include "corruptions/corruption.h"
#include "corruptions/variant.h"
#include "corruptions/writer/encode.h"
#include "corruptions/writer/index.h"
#include "corruptions/writer/pictures.h"
#include "corruptions/writer/sink.h"

namespace automask::corruptions {
namespace {

using core::Error;
using core::ExitCode;
using core::Json;
using Clock = std::chrono::steady_clock;

constexpr double seconds_between_flushes = 2, seconds_between_reports = 0.2;

double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Adds the time since the last lap to a total that several threads share.
class Laps {
 public:
  void lap(std::atomic<std::int64_t>& total) {
    const auto now = Clock::now();
    total += std::chrono::duration_cast<std::chrono::nanoseconds>(now - last_).count();
    last_ = now;
  }

 private:
  Clock::time_point last_ = Clock::now();
};

// All that decides the bytes: two jobs with the same header write the same files.
Json header_of(const WriterJob& job, const Pictures& pictures) {
  Json conditions = Json::array();
  for (const Condition& condition : job.conditions)
    conditions.push_back({{"condition", condition.canonical()},
                          {"folder", condition_folder(condition)},
                          {"chain", parameters(condition, job.settings.edition)}});
  Json header = {{"automask_index", 1},
                 {"variant", to_string(job.settings.edition)},
                 {"seed", job.seed},
                 {"split", job.split},
                 {"preprocess", to_string(job.preparation)},
                 {"output", to_string(job.output)},
                 {"layout", to_string(job.layout)},
                 {"pictures", pictures.size()},
                 {"source_sha256", pictures.fingerprint()},
                 {"classes", pictures.classes()},
                 {"conditions", conditions},
                 {"versions", {{"automask", job.program_version}, {"opencv", CV_VERSION}, {"output", output_library(job.output)}}}};
  if (job.layout == Layout::shards) header["pictures_per_shard"] = job.pictures_per_shard;
  if (!job.settings.frost_folder.empty()) header["frost"] = job.settings.frost_folder.filename().string();
  return header;
}

// The numbers of this part: whole blocks for shards, a range otherwise.
std::vector<std::size_t> numbers_of(const WriterJob& job, std::size_t pictures) {
  const auto part = static_cast<std::size_t>(job.part - 1), parts = static_cast<std::size_t>(job.parts);
  std::vector<std::size_t> numbers;
  for (std::size_t i = pictures * part / parts; job.layout == Layout::folder && i < pictures * (part + 1) / parts; ++i)
    numbers.push_back(i);
  const auto per_shard = static_cast<std::size_t>(job.pictures_per_shard);
  for (std::size_t i = 0; job.layout == Layout::shards && i < pictures; ++i)
    if (i / per_shard % parts == part) numbers.push_back(i);
  return numbers;
}

void prepare_destination(const WriterJob& job) {
  namespace fs = std::filesystem;
  std::error_code error;
  fs::create_directories(job.destination, error);
  if (!fs::is_directory(job.destination))
    throw Error(ExitCode::usage, job.destination.string(),
                "cannot be created" + (error ? ": " + error.message() : std::string()), "choose another destination");
  const fs::path destination = fs::canonical(job.destination), source = fs::weakly_canonical(job.source, error);
  const auto [end, unused] = std::mismatch(source.begin(), source.end(), destination.begin(), destination.end());
  if (!error && end == source.end())
    throw Error(ExitCode::usage, job.destination.string(), "lies inside the source " + job.source,
                "choose a destination elsewhere");
  if (indexes_in(job.destination).empty() && fs::directory_iterator(job.destination) != fs::directory_iterator())
    throw Error(ExitCode::usage, job.destination.string(), "is not empty and holds no index of written variants",
                "choose an empty or new folder");
}

// A shard whose journal has not all of its pictures is written anew.
void drop_unfinished_shards(const WriterJob& job, const std::vector<std::size_t>& numbers, std::size_t pictures,
                            Journal& journal) {
  const auto per_shard = static_cast<std::size_t>(job.pictures_per_shard);
  for (std::size_t at = 0; at < numbers.size();) {
    const std::size_t first = numbers[at], last = std::min(first + per_shard, pictures);
    std::size_t done = 0;
    for (std::size_t i = first; i < last; ++i) done += journal.done(i) ? 1 : 0;
    if (done < last - first) journal.forget(first, last);
    at += last - first;
  }
}

std::int64_t free_bytes(std::filesystem::path folder) {
  while (!folder.empty() && !std::filesystem::exists(folder) && folder != folder.parent_path())
    folder = folder.parent_path();
  struct statvfs status {};
  if (::statvfs(folder.empty() ? "." : folder.c_str(), &status) != 0) return 0;
  return static_cast<std::int64_t>(status.f_bavail) * static_cast<std::int64_t>(status.f_frsize);
}

class Writing {
 public:
  Writing(const WriterJob& job, const WriterHooks& hooks) : job_(job), hooks_(hooks), pictures_(job) {
    prepare_destination(job);
    journal_ = std::make_unique<Journal>(job.destination, job.part, job.parts, header_of(job, pictures_), job.resume);
    all_ = numbers_of(job, pictures_.size());
    if (job.layout == Layout::shards && !journal_->finished())
      drop_unfinished_shards(job, all_, pictures_.size(), *journal_);
    for (const std::size_t number : all_)
      if (!journal_->done(number)) numbers_.push_back(number);
    summary_.pictures = all_.size();
    summary_.found = all_.size() - numbers_.size();
    summary_.skipped = found_left_out_ = journal_->left_out();
  }

  WriterSummary run() {
    const auto start = Clock::now();
    if (!journal_->finished()) {
      last_flush_ = last_report_ = start;
      const auto written = [this](const PictureRecord& record) { on_written(record); };
      sink_ = job_.layout == Layout::folder
                  ? make_folder_sink(job_, written)
                  : make_shard_sink(job_, numbers_, pictures_.size(), pictures_.classes(), written);
      work_on_all();
      sink_->finish();
      if (summary_.stopped)
        journal_->flush();
      else
        journal_->finish();
    }
    for (const std::string& sentence : pictures_.skipped()) hooks_.note(sentence);
    report();
    summary_.seconds = since(start);
    summary_.decode_seconds = static_cast<double>(decode_ns_) * 1e-9;
    summary_.operator_seconds = static_cast<double>(operator_ns_) * 1e-9;
    summary_.encode_seconds = static_cast<double>(encode_ns_) * 1e-9;
    summary_.write_seconds = static_cast<double>(write_ns_) * 1e-9;
    return summary_;
  }

 private:
  void work_on_all() {
    try {
      core::parallel_for(numbers_.size(), job_.threads, [&](std::size_t at) {
        if (stopping_ || hooks_.stop()) {
          stop();
          return;
        }
        try {
          work_on(numbers_[at]);
        } catch (...) {
          stop();  // others may be waiting for this picture
          throw;
        }
      });
    } catch (...) {
      // What others finished is kept, whatever went wrong; a full disk may forbid even that.
      try {
        journal_->flush();
      } catch (const Error&) {
      }
      throw;
    }
    summary_.stopped = stopping_;
  }

  void stop() {
    stopping_ = true;
    sink_->stop();
  }

  void work_on(std::size_t number) {
    Laps laps;
    PictureRecord record;
    record.number = number;
    record.path = pictures_.path(number);
    record.label = pictures_.label(number);
    record.name = pictures_.file_name(number);
    cv::Mat picture;
    try {
      picture = pictures_.load(number);
    } catch (const Error& error) {
      if (!job_.keep_going)
        throw Error(error.code(), error.where(), error.problem(),
                    (error.remedy().empty() ? "" : error.remedy() + ", ") +
                        std::string("or leave such pictures out with --keep-going"));
      record.error = error.what();
    }
    laps.lap(decode_ns_);
    std::vector<std::string> files;
    for (std::size_t k = 0; k < job_.conditions.size() && record.error.empty(); ++k) {
      std::int64_t encoded_bytes = -1;
      const cv::Mat result = corrupted(job_, record.path, job_.conditions[k], picture, &encoded_bytes);
      laps.lap(operator_ns_);
      files.push_back(encode(result, job_.output));
      laps.lap(encode_ns_);
      record.files.push_back(
          {static_cast<std::int64_t>(files.back().size()), core::sha256_hex(files.back()), encoded_bytes});
    }
    sink_->put(record, std::move(files));
    laps.lap(write_ns_);
  }

  void on_written(const PictureRecord& record) {
    journal_->add(record);
    if (record.error.empty()) {
      ++summary_.written;
    } else {
      ++summary_.skipped;
      hooks_.note("left out " + record.error);
    }
    for (const FileRecord& file : record.files) summary_.bytes += file.bytes;
    if (since(last_flush_) > seconds_between_flushes) {
      journal_->flush();
      last_flush_ = Clock::now();
    }
    if (since(last_report_) > seconds_between_reports) report();
  }

  void report() {
    hooks_.progress({summary_.found + summary_.written + summary_.skipped - found_left_out_, summary_.pictures,
                     summary_.skipped, summary_.bytes});
    last_report_ = Clock::now();
  }

  const WriterJob& job_;
  const WriterHooks& hooks_;
  Pictures pictures_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<Sink> sink_;
  std::vector<std::size_t> all_, numbers_;  // of this part; those not done yet
  std::atomic<bool> stopping_{false};
  WriterSummary summary_;
  std::size_t found_left_out_ = 0;
  Clock::time_point last_flush_, last_report_;
  std::atomic<std::int64_t> decode_ns_{0}, operator_ns_{0}, encode_ns_{0}, write_ns_{0};
};

}  // namespace

WriterSummary write_variants(const WriterJob& job, const WriterHooks& hooks) {
  cv::setNumThreads(0);  // the pictures are the parallel work
  return Writing(job, hooks).run();
}

Estimate estimate(const WriterJob& job, std::size_t sample) {
  cv::setNumThreads(0);
  const Pictures pictures(job);
  const std::vector<std::size_t> numbers = numbers_of(job, pictures.size());
  Estimate result;
  result.pictures = numbers.size();
  result.free_bytes = free_bytes(std::filesystem::absolute(job.destination));
  for (const Condition& condition : job.conditions) result.rows.push_back({condition.canonical()});
  const std::size_t wanted = std::min(sample, numbers.size());
  for (std::size_t s = 0; s < wanted; ++s) {
    const std::size_t number = numbers[numbers.size() * s / wanted];
    try {
      auto start = Clock::now();
      const cv::Mat picture = pictures.load(number);
      result.decode_seconds += since(start);
      for (std::size_t k = 0; k < job.conditions.size(); ++k) {
        start = Clock::now();
        std::int64_t encoded_bytes = -1;
        const std::string file =
            encode(corrupted(job, pictures.path(number), job.conditions[k], picture, &encoded_bytes), job.output);
        result.rows[k].bytes += static_cast<double>(file.size());
        result.rows[k].seconds += since(start);
      }
      ++result.sampled;
    } catch (const Error&) {
      if (!job.keep_going) throw;
    }
  }
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

Json to_json(const WriterSummary& summary) {
  return {{"pictures", summary.pictures},
          {"written", summary.written},
          {"found", summary.found},
          {"skipped", summary.skipped},
          {"bytes", summary.bytes},
          {"seconds", summary.seconds},
          {"stopped", summary.stopped},
          {"thread_seconds",
           {{"decode", summary.decode_seconds},
            {"operators", summary.operator_seconds},
            {"encode", summary.encode_seconds},
            {"write", summary.write_seconds}}}};
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
