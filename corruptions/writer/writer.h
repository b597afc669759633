#pragma once
// Writes data sets under conditions, start here: all variants of a picture from one decode, on as many threads as
// asked for, with the same bytes for any number of threads, order, division into parts, and restart.
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "corruptions/writer/job.h"

namespace automask::corruptions {

struct WriterProgress {
  std::size_t done = 0, total = 0;  // pictures of this part; done counts those found, too
  std::size_t skipped = 0;
  std::int64_t bytes = 0;  // written by this process
};

struct WriterHooks {
  std::function<void(const WriterProgress&)> progress = [](const WriterProgress&) {};  // several times a second
  std::function<void(const std::string&)> note = [](const std::string&) {};            // a sentence worth a line
  std::function<bool()> stop = [] { return false; };  // true: finish the pictures at hand, keep the journal, return
};

struct WriterSummary {
  // pictures = written + found + skipped, unless stopped; skipped: left out now or earlier.
  std::size_t pictures = 0, written = 0, found = 0, skipped = 0;
  std::int64_t bytes = 0;
  double seconds = 0;
  bool stopped = false;
  // Of the threads together, for the share of work that is not work: reading and decoding, operators, encoding, the
  // rest (writing, hashing, waiting).
  double decode_seconds = 0, operator_seconds = 0, encode_seconds = 0, write_seconds = 0;
};
core::Json to_json(const WriterSummary& summary);

// Error(usage) for a destination that holds other things or lies in the source, for names in a subset that the source
// has not; Error(steps_failed) for a picture that cannot be read unless keep_going, and for a full disk. What was
// finished before stays, and --resume goes on after it.
WriterSummary write_variants(const WriterJob& job, const WriterHooks& hooks);

// Disk and time for the whole job, from up to `sample` pictures spread over it and worked on without writing.
struct Estimate {
  std::size_t pictures = 0, sampled = 0;
  struct Row {
    std::string condition;
    double bytes = 0, seconds = 0;  // all pictures, one thread
  };
  std::vector<Row> rows;
  double decode_seconds = 0;      // all pictures, one thread
  double bytes = 0, seconds = 0;  // everything; seconds for the job's threads
  std::int64_t free_bytes = 0;    // on the destination's disk
};
Estimate estimate(const WriterJob& job, std::size_t sample);
core::Json to_json(const Estimate& estimate);

// Compares every file with the indexes of `destination`.
struct Verdict {
  std::size_t files = 0, missing = 0, changed = 0, unfinished = 0;  // unfinished: indexes that are journals
  std::vector<std::string> faults;                                  // the first hundred, sentences
  bool good() const { return missing == 0 && changed == 0 && unfinished == 0; }
};
Verdict verify(const std::filesystem::path& destination, int threads, const WriterHooks& hooks);
core::Json to_json(const Verdict& verdict);

}  // namespace automask::corruptions
