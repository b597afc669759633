#pragma once
// The results database: start here. SQLite in WAL mode, one writer, numbered migrations.
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/json.h"

namespace automask::results {

// Run states, as in the schema's CHECK.
// planned, running, passed, failed, skipped, unsupported, timeout, interrupted, dead, mistrusted
struct Metric {
  std::string name;       // a metric_def's name: top1, latency_median, package_bytes, macs, ...
  std::string condition;  // canonical; empty for metrics of the network as a whole
  double value = 0;
  double ci_lo = 0, ci_hi = 0;  // NaN where none applies; 95 %
  std::string evidence;         // measured, rtl_simulated, modelled, quoted, counted (exact: MACs, bytes)
  std::int64_t n = 0;           // pictures or samples behind it
};

struct Artifact {
  std::string sha256, kind, path;  // kind: variant, checkpoint, package; path relative to the store
  std::int64_t bytes = 0;
};

// One attempt at one cell, whole: written in one transaction.
struct RunRecord {
  std::string key;  // content address of the attempt's steps; recording the same key twice changes nothing
  std::string experiment, manifest_sha256;
  core::Json manifest;  // resolved, canonical
  std::string dataset, model, method, target;
  core::Json method_parameters;
  std::int64_t seed = 0;
  std::string state, reason;      // reason: one sentence where the state is not passed
  std::string started, finished;  // UTC, ISO 8601
  std::vector<Metric> metrics;
  struct Sample {
    std::string condition;
    std::vector<double> latencies_ms;
  };
  std::vector<Sample> samples;  // raw latencies
  std::vector<Artifact> artifacts;
  core::Json environment;  // machine, OS, CPU, threads, libraries
  core::Json build;        // version, commit, compiler
  // The same steps on any machine: like `key` without the environment. Empty where nobody asked for it.
  std::string portable_key;
  std::string origin;   // the published file it was imported from; empty: it ran in this store
  core::Json training;  // what the training said of itself, for the record; null where it is not known
};

class Store {
 public:
  // Creates the file and folders, or migrates an older schema (a copy of the old file is kept). A newer or damaged
  // database: Error(corrupt) naming file, versions and remedy. Read-only never creates: Error(corrupt) when absent.
  static Store open(const std::filesystem::path& file);
  static Store open_read_only(const std::filesystem::path& file);
  Store(Store&&) noexcept;
  ~Store();

  // One transaction, synchronised to disk when it returns. A key whose newest attempt passed, or is this very attempt,
  // gets no second run; a new attempt after one that did not pass becomes the newest, the old one is kept. The
  // experiment's cell and manifest are stored in any case, so results found in the cache are recorded the same way.
  // Error(steps_failed): unknown metric, state or evidence (with "did you mean"), a metric given twice, a number that
  // is not finite, no space left.
  void record(const RunRecord& run);
  void record(std::span<const RunRecord> runs);  // all in one transaction
  bool has_run(const std::string& key) const;    // any attempt, whatever its state
  // Marks which runs belong to the newest plan of an experiment, so that queries show the current results:
  // keys of the cells' attempts, in the manifest's order; replaces the former list. Keys may have no run yet.
  // Until it is called for an experiment, all its cells count.
  void set_current(const std::string& experiment, const std::vector<std::string>& keys);

  struct Connection;
  Connection& connection() const { return *connection_; }

 private:
  explicit Store(std::unique_ptr<Connection> connection);
  std::unique_ptr<Connection> connection_;
};

int schema_version();

// Of the SQLite in use: "3.40.1", and 3040001 for comparisons.
std::string sqlite_version();
int sqlite_version_number();

}  // namespace automask::results
