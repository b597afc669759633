#include "corruptions/writer/writer.h"

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

constexpr double seconds_between_reports = 0.2;

// A flush waits for the disk and everyone waits for it: it comes as often as may cost 2.5 % of the time, so that a kill
// loses little work.
double seconds_between_flushes(double last) { return std::clamp(40 * last, 1.0, 10.0); }

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
                 {"versions",
                  {{"automask", job.program_version}, {"opencv", CV_VERSION}, {"output", output_library(job.output)}}}};
  if (job.layout == Layout::shards) header["pictures_per_shard"] = job.pictures_per_shard;
  if (!job.settings.frost_folder.empty()) header["frost"] = job.settings.frost_folder.filename().string();
  return header;
}

std::size_t per_shard(const WriterJob& job) {
  return job.layout == Layout::shards ? static_cast<std::size_t>(job.pictures_per_shard) : 0;
}

// Before anything is created: a folder inside of the source would be part of it from now on.
void require_apart(const WriterJob& job) {
  std::error_code error;
  const auto source = std::filesystem::weakly_canonical(job.source, error);
  if (error) return;
  const auto destination = std::filesystem::weakly_canonical(std::filesystem::absolute(job.destination), error);
  if (error) return;
  const auto [end, unused] = std::mismatch(source.begin(), source.end(), destination.begin(), destination.end());
  if (end == source.end())
    throw Error(ExitCode::usage, job.destination.string(), "lies inside the source " + job.source,
                "choose a destination elsewhere");
}

void prepare_destination(const WriterJob& job) {
  namespace fs = std::filesystem;
  require_apart(job);
  std::error_code error;
  fs::create_directories(job.destination, error);
  if (!fs::is_directory(job.destination))
    throw Error(ExitCode::usage, job.destination.string(),
                "cannot be created" + (error ? ": " + error.message() : std::string()), "choose another destination");
  const auto first = fs::directory_iterator(job.destination, error);
  if (error)
    throw Error(ExitCode::usage, job.destination.string(), "cannot be listed: " + error.message(),
                "choose another destination");
  if (first != fs::directory_iterator() && indexes_in(job.destination).empty())
    throw Error(ExitCode::usage, job.destination.string(), "is not empty and holds no index of written variants",
                "choose an empty or new folder");
}

// A shard whose journal has not all of its pictures is written anew.
void drop_unfinished_shards(const WriterJob& job, const std::vector<std::size_t>& numbers, std::size_t pictures,
                            Journal& journal) {
  for (std::size_t at = 0; at < numbers.size();) {
    const std::size_t first = numbers[at], last = std::min(first + per_shard(job), pictures);
    std::size_t done = 0;
    for (std::size_t i = first; i < last; ++i) done += journal.done(i) ? 1 : 0;
    if (done < last - first) journal.forget(first, last);
    at += last - first;
  }
}

class Writing {
 public:
  Writing(const WriterJob& job, const WriterHooks& hooks) : job_(job), hooks_(hooks), pictures_(job) {
    prepare_destination(job);
    const Part part{job.part, job.parts};
    journal_ = std::make_unique<Journal>(job.destination, part, header_of(job, pictures_), job.resume);
    all_ = numbers_of(part, pictures_.size(), per_shard(job));
    if (job.layout == Layout::shards && !journal_->finished())
      drop_unfinished_shards(job, all_, pictures_.size(), *journal_);
    for (const std::size_t number : all_)
      if (!journal_->done(number)) numbers_.push_back(number);
    summary_.pictures = all_.size();
    summary_.skipped = journal_->left_out();
    summary_.found = all_.size() - numbers_.size() - summary_.skipped;
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
      sink_->finish();
    } catch (...) {
      // Waits for what is under way before the journal is flushed.
      try {
        sink_->finish();
      } catch (const std::exception&) {  // as thrown already
      }
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
    attempt(record, [&] { picture = pictures_.load(number); });
    laps.lap(decode_ns_);
    for (std::size_t k = 0; k < job_.conditions.size() && record.error.empty(); ++k) {
      std::int64_t encoded_bytes = -1;
      std::string file;
      attempt(record, [&] {
        const cv::Mat result = corrupted(job_, record.path, job_.conditions[k], picture, &encoded_bytes);
        laps.lap(operator_ns_);
        file = encode(result, job_.output);
        laps.lap(encode_ns_);
      });
      if (!record.error.empty()) break;
      record.files.push_back({static_cast<std::int64_t>(file.size()), core::sha256_hex(file), encoded_bytes});
      sink_->add(record, k, std::move(file));
      laps.lap(write_ns_);
    }
    sink_->end(record);
    laps.lap(write_ns_);
  }

  // What a picture cannot stand is a reason to leave it out, and the only one.
  template <class Body>
  void attempt(PictureRecord& record, Body&& body) const {
    try {
      body();
    } catch (const Error& error) {
      if (error.code() != ExitCode::steps_failed) throw;
      if (!job_.keep_going)
        throw Error(error.code(), error.where(), error.problem(),
                    (error.remedy().empty() ? "" : error.remedy() + ", ") +
                        std::string("or leave such pictures out with --keep-going"));
      record.error = error.where() == record.path || pictures_.where(record.number) == error.where()
                         ? error.what()
                         : pictures_.where(record.number) + ": " + error.what();
    }
  }

  void on_written(const PictureRecord& record) {
    journal_->add(record);
    if (record.error.empty()) {
      ++summary_.written;
      for (const FileRecord& file : record.files) summary_.bytes += file.bytes;
    } else {
      ++summary_.skipped;
      hooks_.note("left out " + record.error);
    }
    if (since(last_flush_) > pause_) {
      const auto start = Clock::now();
      journal_->flush();
      pause_ = seconds_between_flushes(since(start));
      last_flush_ = Clock::now();
    }
    if (since(last_report_) > seconds_between_reports) report();
  }

  void report() {
    hooks_.progress(
        {summary_.found + summary_.written + summary_.skipped, summary_.pictures, summary_.skipped, summary_.bytes});
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
  Clock::time_point last_flush_, last_report_;
  double pause_ = seconds_between_flushes(0);
  std::atomic<std::int64_t> decode_ns_{0}, operator_ns_{0}, encode_ns_{0}, write_ns_{0};
};

}  // namespace

WriterSummary write_variants(const WriterJob& job, const WriterHooks& hooks) {
  cv::setNumThreads(0);  // the pictures are the parallel work
  return Writing(job, hooks).run();
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

}  // namespace automask::corruptions
