// The one way results get into the database: a run whole, in one transaction, or not at all.
#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <set>
#include <string_view>

#include "core/error.h"
#include "core/hash.h"
#include "results/connection.h"
#include "results/schema.h"

namespace automask::results {
namespace {

using core::Error;
using core::ExitCode;

constexpr std::array<std::string_view, 10> states = {"planned",     "running", "passed",      "failed", "skipped",
                                                     "unsupported", "timeout", "interrupted", "dead",   "mistrusted"};
constexpr std::array<std::string_view, 5> evidences = {"measured", "rtl_simulated", "modelled", "quoted", "counted"};

template <class Names>
void check_one_of(const Names& names, const std::string& where, const std::string& what, const std::string& name) {
  if (std::find(names.begin(), names.end(), name) == names.end())
    throw Error(ExitCode::steps_failed, where, "unknown " + what + " \"" + name + "\"",
                core::suggestion(name, {names.begin(), names.end()}));
}

// What SQLite would refuse too, said so that one sees which metric of which run is meant.
void check(const RunRecord& run) {
  const std::string where = "run " + run.key;
  if (run.key.empty()) throw Error(ExitCode::internal, "run", "has no key");
  if (run.experiment.empty()) throw Error(ExitCode::internal, where, "names no experiment");
  check_one_of(states, where, "state", run.state);
  static const std::vector<std::string> known_list = metric_names();
  static const std::set<std::string> known(known_list.begin(), known_list.end());
  for (const Metric& metric : run.metrics) {
    if (!known.contains(metric.name)) check_one_of(known_list, where, "metric", metric.name);
    const auto at = [&] {
      return where + ": " + metric.name + (metric.condition.empty() ? "" : " under \"" + metric.condition + "\"");
    };
    if (!std::isfinite(metric.value)) throw Error(ExitCode::steps_failed, at(), "is not a finite number");
    if (std::isinf(metric.ci_lo) || std::isinf(metric.ci_hi) || metric.ci_lo > metric.ci_hi)
      throw Error(ExitCode::steps_failed, at(), "has no proper interval");
    if (metric.n < 0) throw Error(ExitCode::steps_failed, at(), "stands on a negative number of samples");
    if (std::find(evidences.begin(), evidences.end(), metric.evidence) == evidences.end())
      check_one_of(evidences, at(), "evidence", metric.evidence);
  }
  for (const RunRecord::Sample& sample : run.samples)
    if (!std::all_of(sample.latencies_ms.begin(), sample.latencies_ms.end(), [](double v) { return std::isfinite(v); }))
      throw Error(ExitCode::steps_failed, where, "a latency under \"" + sample.condition + "\" is not a finite number");
}

// Text from runners and files may hold invalid UTF-8; it is replaced, not a reason to lose a run.
std::string dump(const core::Json& json) { return json.dump(-1, ' ', false, core::Json::error_handler_t::replace); }

class Recorder {
 public:
  explicit Recorder(Store::Connection& connection) : connection_(connection) {}

  void record(const RunRecord& run) {
    const std::optional<std::string> manifest = write_manifest(run);
    const std::int64_t experiment = experiment_id(connection_, run.experiment);
    if (manifest) {
      SQLite::Statement& update =
          sql("UPDATE experiment SET manifest_sha256 = ?1 WHERE id = ?2 AND manifest_sha256 IS NOT ?1");
      update.bind(1, *manifest);
      update.bind(2, experiment);
      update.exec();
    }
    write_cell(run, experiment);
    if (const auto before = newest(run.key)) {
      // A passed run is final. The same attempt recorded again (a restart after a crash between two commits) is known.
      const bool same = before->state == run.state && before->started == run.started &&
                        before->finished == run.finished && before->reason == run.reason;
      if (before->state == "passed" || same) {
        rename(before->id, run.portable_key);
        return;
      }
      SQLite::Statement& retire = sql("UPDATE run SET newest = 0 WHERE id = ?");
      retire.bind(1, before->id);
      retire.exec();
      write_event(run.finished.empty() ? run.started : run.finished, before->id, "superseded",
                  "by a new attempt: " + run.state);
    }
    const std::int64_t id = write_run(run, manifest);
    write_metrics(run, id);
    write_samples(run, id);
    write_artifacts(run, id);
  }

  static std::int64_t experiment_id(Store::Connection& connection, const std::string& name) {
    // Looked up first: nothing is written when nothing is new.
    for (const bool written : {false, true}) {
      SQLite::Statement& find = connection.statement("SELECT id FROM experiment WHERE name = ?");
      find.bind(1, name);
      if (find.executeStep()) {
        const std::int64_t id = find.getColumn(0).getInt64();
        find.reset();
        return id;
      }
      if (written) break;
      SQLite::Statement& insert = connection.statement("INSERT INTO experiment(name) VALUES(?)");
      insert.bind(1, name);
      insert.exec();
    }
    throw Error(ExitCode::internal, connection.file.string(), "experiment \"" + name + "\" was not stored");
  }

 private:
  struct Known {
    std::int64_t id;
    std::string state, started, finished, reason;
  };

  SQLite::Statement& sql(const char* text) { return connection_.statement(text); }

  // A later program may know the same run by another portable key.
  void rename(std::int64_t id, const std::string& portable_key) {
    if (portable_key.empty()) return;
    SQLite::Statement& update = sql("UPDATE run SET portable_key = ?1 WHERE id = ?2 AND portable_key <> ?1");
    update.bind(1, portable_key);
    update.bind(2, id);
    update.exec();
  }

  std::optional<std::string> write_manifest(const RunRecord& run) {
    if (run.manifest.is_null()) return std::nullopt;
    const std::string document = dump(run.manifest);
    const std::string sha256 = run.manifest_sha256.empty() ? core::sha256_hex(document) : run.manifest_sha256;
    SQLite::Statement& insert = sql("INSERT OR IGNORE INTO manifest(sha256, document) VALUES(?, ?)");
    insert.bind(1, sha256);
    insert.bind(2, document);
    insert.exec();
    return sha256;
  }

  void write_cell(const RunRecord& run, std::int64_t experiment) {
    SQLite::Statement& insert =
        sql("INSERT OR IGNORE INTO cell(experiment_id, key, dataset, model, method, target, seed, parameters) "
            "VALUES(?, ?, ?, ?, ?, ?, ?, ?)");
    insert.bind(1, experiment);
    insert.bind(2, run.key);
    insert.bind(3, run.dataset);
    insert.bind(4, run.model);
    insert.bind(5, run.method);
    insert.bind(6, run.target);
    insert.bind(7, run.seed);
    insert.bind(8, run.method_parameters.is_null() ? "{}" : dump(run.method_parameters));
    insert.exec();
  }

  std::optional<Known> newest(const std::string& key) {
    SQLite::Statement& find = sql("SELECT id, state, started, finished, reason FROM run WHERE key = ? AND newest = 1");
    find.bind(1, key);
    if (!find.executeStep()) return std::nullopt;
    Known known{find.getColumn(0).getInt64(), find.getColumn(1).getString(), find.getColumn(2).getString(),
                find.getColumn(3).getString(), find.getColumn(4).getString()};
    find.reset();
    return known;
  }

  void write_event(const std::string& at, std::int64_t run, const std::string& kind, const std::string& detail) {
    SQLite::Statement& insert = sql("INSERT INTO event(at, run_id, kind, detail) VALUES(?, ?, ?, ?)");
    insert.bind(1, at);
    insert.bind(2, run);
    insert.bind(3, kind);
    insert.bind(4, detail);
    insert.exec();
  }

  // The row of environment or build that holds this document; 0 for none.
  std::int64_t document_id(const std::string& table, const core::Json& json) {
    if (json.is_null()) return 0;
    const std::string document = dump(json), sha256 = core::sha256_hex(document);
    SQLite::Statement& insert =
        connection_.statement("INSERT OR IGNORE INTO " + table + "(sha256, document) VALUES(?, ?)");
    insert.bind(1, sha256);
    insert.bind(2, document);
    insert.exec();
    SQLite::Statement& find = connection_.statement("SELECT id FROM " + table + " WHERE sha256 = ?");
    find.bind(1, sha256);
    find.executeStep();
    const std::int64_t id = find.getColumn(0).getInt64();
    find.reset();
    return id;
  }

  std::int64_t write_run(const RunRecord& run, const std::optional<std::string>& manifest) {
    const std::int64_t environment = document_id("environment", run.environment);
    const std::int64_t build = document_id("build", run.build);
    SQLite::Statement& insert =
        sql("INSERT INTO run(key, state, reason, started, finished, manifest_sha256, environment_id, build_id, "
            "portable_key, origin, training) VALUES(?, ?, ?, ?, ?, ?, nullif(?, 0), nullif(?, 0), ?, ?, ?)");
    insert.bind(1, run.key);
    insert.bind(2, run.state);
    insert.bind(3, run.reason);
    insert.bind(4, run.started);
    insert.bind(5, run.finished);
    if (manifest) insert.bind(6, *manifest);
    insert.bind(7, environment);
    insert.bind(8, build);
    insert.bind(9, run.portable_key);
    insert.bind(10, run.origin);
    if (!run.training.is_null()) insert.bind(11, dump(run.training));
    insert.exec();
    return connection_.database.getLastInsertRowid();
  }

  void write_metrics(const RunRecord& run, std::int64_t id) {
    SQLite::Statement& insert =
        sql("INSERT INTO metric(run_id, name, condition, value, ci_lo, ci_hi, evidence, n) "
            "VALUES(?, ?, ?, ?, ?, ?, ?, ?)");
    for (const Metric& metric : run.metrics) {
      insert.bind(1, id);
      insert.bindNoCopy(2, metric.name);
      insert.bindNoCopy(3, metric.condition);
      insert.bind(4, metric.value);
      insert.bind(5, metric.ci_lo);  // SQLite stores NaN as NULL
      insert.bind(6, metric.ci_hi);
      insert.bindNoCopy(7, metric.evidence);
      insert.bind(8, metric.n);
      insert.tryExecuteStep();
      if (sqlite3_extended_errcode(connection_.database.getHandle()) == SQLITE_CONSTRAINT_PRIMARYKEY)
        throw Error(
            ExitCode::steps_failed, "run " + run.key,
            "has " + metric.name + (metric.condition.empty() ? "" : " under \"" + metric.condition + "\"") + " twice");
      insert.reset();  // throws what any other failed step reported
    }
    insert.clearBindings();  // the strings bound belong to the caller
  }

  void write_samples(const RunRecord& run, std::int64_t id) {
    for (const RunRecord::Sample& sample : run.samples) {
      SQLite::Statement& insert = sql("INSERT INTO sample(run_id, condition, n, latencies_ms) VALUES(?, ?, ?, ?)");
      insert.bind(1, id);
      insert.bind(2, sample.condition);
      insert.bind(3, static_cast<std::int64_t>(sample.latencies_ms.size()));
      insert.bind(4, core::Json(sample.latencies_ms).dump());
      insert.exec();
    }
  }

  void write_artifacts(const RunRecord& run, std::int64_t id) {
    for (const Artifact& artifact : run.artifacts) {
      SQLite::Statement& insert =
          sql("INSERT OR IGNORE INTO artifact(run_id, kind, path, sha256, bytes) VALUES(?, ?, ?, ?, ?)");
      insert.bind(1, id);
      insert.bind(2, artifact.kind);
      insert.bind(3, artifact.path);
      insert.bind(4, artifact.sha256);
      insert.bind(5, artifact.bytes);
      insert.exec();
    }
  }

  Store::Connection& connection_;
};

}  // namespace

void Store::record(const RunRecord& run) { record(std::span<const RunRecord>(&run, 1)); }

void Store::record(std::span<const RunRecord> runs) {
  for (const RunRecord& run : runs) check(run);
  const std::string doing = runs.size() == 1 ? "recording run " + runs[0].key : "recording runs";
  guarded(connection_->file, doing, [&] {
    SQLite::Transaction transaction(connection_->database, SQLite::TransactionBehavior::IMMEDIATE);
    Recorder recorder(*connection_);
    for (const RunRecord& run : runs) recorder.record(run);
    transaction.commit();
  });
}

bool Store::has_run(const std::string& key) const {
  return guarded(connection_->file, "looking for run " + key, [&] {
    SQLite::Statement& find = connection_->statement("SELECT 1 FROM run WHERE key = ? LIMIT 1");
    find.bind(1, key);
    const bool found = find.executeStep();
    find.reset();
    return found;
  });
}

void Store::set_current(const std::string& experiment, const std::vector<std::string>& keys) {
  guarded(connection_->file, "storing the plan of " + experiment, [&] {
    SQLite::Transaction transaction(connection_->database, SQLite::TransactionBehavior::IMMEDIATE);
    const std::int64_t id = Recorder::experiment_id(*connection_, experiment);
    SQLite::Statement& known = connection_->statement("UPDATE experiment SET plan_known = 1 WHERE id = ?");
    known.bind(1, id);
    known.exec();
    SQLite::Statement& clear = connection_->statement("DELETE FROM plan WHERE experiment_id = ?");
    clear.bind(1, id);
    clear.exec();
    SQLite::Statement& insert =
        connection_->statement("INSERT OR IGNORE INTO plan(experiment_id, position, run_key) VALUES(?, ?, ?)");
    for (std::size_t i = 0; i < keys.size(); ++i) {
      insert.bind(1, id);
      insert.bind(2, static_cast<std::int64_t>(i));
      insert.bind(3, keys[i]);
      insert.exec();
      insert.reset();
    }
    transaction.commit();
  });
}

}  // namespace automask::results
