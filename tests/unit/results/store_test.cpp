#include "results/store.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "fixture.h"
#include "results/connection.h"
#include "results/schema.h"

namespace automask::results {
namespace {

using core::ExitCode;
using testing::HasSubstr;

class Schema : public StoreTest {};

TEST_F(Schema, OpenCreatesFoldersAndTables) {
  file = folder / "a" / "b" / "results.db";
  const Store store = Store::open(file);
  EXPECT_EQ(value_of(store, "SELECT count(*) FROM run"), 0);
  EXPECT_EQ(store.connection().database.execAndGet("PRAGMA journal_mode").getString(), "wal");
  EXPECT_EQ(store.connection().database.execAndGet("PRAGMA synchronous").getInt(), 2);  // FULL
  EXPECT_EQ(store.connection().database.execAndGet("PRAGMA foreign_keys").getInt(), 1);
  EXPECT_EQ(value_of(store, "PRAGMA user_version"), schema_version());
  EXPECT_EQ(value_of(store, "SELECT direction FROM metric_def WHERE name = 'top1'"), "higher");
}

TEST_F(Schema, MigrationsAreNumberedWithoutGaps) {
  int expected = 1;
  for (const Migration& migration : migrations()) EXPECT_EQ(migration.version, expected++);
  EXPECT_EQ(schema_version(), expected - 1);
}

constexpr Migration old_world[] = {{1, "CREATE TABLE thing(a TEXT); INSERT INTO thing VALUES('kept');"}};
constexpr Migration new_world[] = {old_world[0],
                                   {2,
                                    "ALTER TABLE thing ADD COLUMN b INTEGER DEFAULT 7;"
                                    "CREATE TABLE event(at, kind, detail);"}};
constexpr Migration broken_world[] = {old_world[0], {2, "ALTER TABLE thing ADD COLUMN b; SELECT * FROM nowhere;"}};

TEST_F(Schema, AnOlderDatabaseIsCopiedAndMigrated) {
  SQLite::Database database(file.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  EXPECT_EQ(check_schema(database, file, old_world), 0);
  migrate(database, file, old_world);
  EXPECT_FALSE(std::filesystem::exists(file.string() + ".schema-0"));
  EXPECT_EQ(check_schema(database, file, new_world), 1);

  migrate(database, file, new_world);
  EXPECT_EQ(check_schema(database, file, new_world), 2);
  EXPECT_EQ(database.execAndGet("SELECT a || b FROM thing").getString(), "kept7");
  EXPECT_EQ(database.execAndGet("SELECT kind FROM event").getString(), "migrated");
  SQLite::Database copy(file.string() + ".schema-1");
  EXPECT_EQ(copy.execAndGet("PRAGMA user_version").getInt(), 1);
  EXPECT_EQ(copy.execAndGet("SELECT a FROM thing").getString(), "kept");

  migrate(database, file, new_world);  // nothing left to do
  EXPECT_EQ(database.execAndGet("SELECT count(*) FROM event").getInt(), 1);
}

TEST_F(Schema, AFailedMigrationLeavesTheOldSchema) {
  SQLite::Database database(file.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  migrate(database, file, old_world);
  EXPECT_THROW(migrate(database, file, broken_world), core::Error);
  EXPECT_EQ(check_schema(database, file, old_world), 1);
  EXPECT_EQ(database.execAndGet("SELECT count(*) FROM pragma_table_info('thing')").getInt(), 1);
}

TEST_F(Schema, ANewerDatabaseIsRefusedAndLeftAlone) {
  { Store::open(file); }
  {
    SQLite::Database database(file.string(), SQLite::OPEN_READWRITE);
    database.exec("PRAGMA user_version = 99");
  }
  for (const bool read_only : {false, true}) {
    const core::Error error = error_of([&] { read_only ? Store::open_read_only(file) : Store::open(file); });
    EXPECT_EQ(error.code(), ExitCode::corrupt);
    EXPECT_EQ(error.where(), file.string());
    EXPECT_EQ(error.problem(), "has schema 99, this program knows " + std::to_string(schema_version()));
    EXPECT_EQ(error.remedy(), "use a newer automask, or another --store");
  }
  SQLite::Database database(file.string());
  EXPECT_EQ(database.execAndGet("PRAGMA user_version").getInt(), 99);
}

TEST_F(Schema, WhatIsNoDatabaseIsRefused) {
  std::ofstream(file) << std::string(5000, 'x');
  const core::Error error = error_of([&] { Store::open(file); });
  EXPECT_EQ(error.code(), ExitCode::corrupt);
  EXPECT_THAT(error.what(), HasSubstr(file.string() + ": is not a database; "));
  EXPECT_EQ(error_of([&] { Store::open_read_only(file); }).code(), ExitCode::corrupt);
  EXPECT_EQ(std::filesystem::file_size(file), 5000u);
}

TEST_F(Schema, ATruncatedFileIsRefused) {
  {
    Store store = Store::open(file);
    store.record(invented_run("k"));
  }
  std::filesystem::resize_file(file, std::filesystem::file_size(file) / 2);
  const core::Error error = error_of([&] { Store::open(file); });
  EXPECT_EQ(error.code(), ExitCode::corrupt);
  EXPECT_THAT(error.problem(), HasSubstr("is damaged"));
  EXPECT_THAT(error.remedy(), HasSubstr("restore"));
}

TEST_F(Schema, DamageInsideIsReportedWhenItIsMet) {
  {
    Store store = Store::open(file);
    store.record(invented_run("k"));
  }
  const auto size = std::filesystem::file_size(file);
  std::fstream damage(file, std::ios::in | std::ios::out | std::ios::binary);
  damage.seekp(4096 * 3);
  damage << std::string(size - 4096 * 3, '\xee');
  damage.close();
  const core::Error error = error_of([&] {
    const Store store = Store::open_read_only(file);
    query(store, "SELECT * FROM metrics_are_here");
    query(store, "SELECT * FROM metric");
    query(store, "SELECT * FROM run");
  });
  EXPECT_EQ(error.code(), ExitCode::corrupt) << error.what();
}

TEST_F(Schema, AnotherProgramsDatabaseIsRefused) {
  {
    SQLite::Database other(file.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    other.exec("CREATE TABLE recipes(a)");
  }
  const core::Error error = error_of([&] { Store::open(file); });
  EXPECT_EQ(error.code(), ExitCode::corrupt);
  EXPECT_THAT(error.problem(), HasSubstr("another program"));
}

TEST_F(Schema, ReadOnlyNeverCreates) {
  const core::Error error = error_of([&] { Store::open_read_only(file); });
  EXPECT_EQ(error.code(), ExitCode::corrupt);
  EXPECT_THAT(error.problem(), HasSubstr("does not exist"));
  EXPECT_FALSE(std::filesystem::exists(file));
  std::ofstream(file).close();
  EXPECT_THAT(error_of([&] { Store::open_read_only(file); }).problem(), HasSubstr("holds no results"));
}

// As another user, for whom neither the file nor its folder is writable.
TEST_F(Schema, AReadOnlyFolderCanBeRead) {
  {
    Store store = Store::open(file);
    store.record(invented_run("k"));
  }
  std::filesystem::permissions(folder, static_cast<std::filesystem::perms>(0555));
  std::filesystem::permissions(file, static_cast<std::filesystem::perms>(0444));
  const pid_t child = fork();
  if (child == 0) {
    if (geteuid() == 0 && setuid(65534) != 0) _exit(3);
    try {
      _exit(value_of(Store::open_read_only(file), "SELECT count(*) FROM run") == 1 ? 0 : 1);
    } catch (...) {
      _exit(2);
    }
  }
  int status = 0;
  waitpid(child, &status, 0);
  std::filesystem::permissions(folder, std::filesystem::perms::owner_all);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(Schema, OpeningAtTheSameTimeCreatesOnce) {
  std::atomic<int> failures{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i)
      threads.emplace_back([&, i] {
        try {
          Store::open(file).record(invented_run(fmt::format("k{}", i)));
        } catch (const std::exception& error) {
          ++failures;
          ADD_FAILURE() << error.what();
        }
      });
  }
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(value_of(Store::open_read_only(file), "SELECT count(*) FROM run"), 8);
}

class Record : public StoreTest {};

TEST_F(Record, KeepsEverything) {
  Store store = Store::open(file);
  const RunRecord run = invented_run("k1", "automask", 3);
  store.record(run);
  EXPECT_TRUE(store.has_run("k1"));
  EXPECT_FALSE(store.has_run("k2"));
  EXPECT_EQ(value_of(store, "SELECT count(*) FROM metric"), run.metrics.size());
  EXPECT_EQ(value_of(store, "SELECT sum(l.value) FROM sample, json_each(sample.latencies_ms) l"), 2.25);
  EXPECT_EQ(value_of(store, "SELECT n FROM sample"), 3);
  EXPECT_EQ(value_of(store, "SELECT path FROM artifact"), "packages/k1.ampkg");
  EXPECT_EQ(value_of(store, "SELECT document FROM manifest JOIN run ON manifest_sha256 = manifest.sha256"),
            R"({"name":"invented"})");
  EXPECT_EQ(
      value_of(store, "SELECT json_extract(e.document, '$.cpu') FROM run JOIN environment e ON e.id = environment_id"),
      "invented");
  EXPECT_EQ(value_of(store, "SELECT json_extract(b.document, '$.version') FROM run JOIN build b ON b.id = build_id"),
            "0");
  EXPECT_EQ(value_of(store, "SELECT ci_lo FROM metric WHERE name = 'latency_p99'"), nullptr);
  EXPECT_EQ(value_of(store, "SELECT seed || method FROM cell"), "3automask");
}

// Every table but the log of events, as text.
std::string contents(const Store& store) {
  std::ostringstream out;
  for (const char* table : {"experiment", "manifest", "plan", "cell", "run", "metric", "sample", "artifact",
                            "environment", "build", "event"})
    print(out, query(store, std::string("SELECT * FROM ") + table), Format::csv);
  return out.str();
}

TEST_F(Record, TheSameKeyTwiceChangesNothing) {
  Store store = Store::open(file);
  store.record(invented_run("k1"));
  const std::string before = contents(store);
  store.record(invented_run("k1"));
  RunRecord other = invented_run("k1");
  other.state = "failed";
  other.metrics.clear();
  store.record(other);  // a passed run is final
  EXPECT_EQ(contents(store), before);
}

TEST_F(Record, ANewAttemptReplacesAFailedOneAndKeepsIt) {
  Store store = Store::open(file);
  RunRecord failed = invented_run("k1");
  failed.state = "timeout";
  failed.reason = "the runner took longer than 30 s";
  failed.metrics.clear();
  store.record(failed);
  store.record(failed);  // the same attempt
  EXPECT_EQ(value_of(store, "SELECT count(*) FROM run"), 1);
  EXPECT_EQ(value_of(store, "SELECT count(*) FROM accuracy_by_condition"), 0);

  store.record(invented_run("k1"));
  EXPECT_EQ(value_of(store, "SELECT group_concat(state) FROM (SELECT state FROM run ORDER BY id)"), "timeout,passed");
  EXPECT_EQ(value_of(store, "SELECT state FROM runs"), "passed");
  EXPECT_EQ(value_of(store, "SELECT attempts FROM runs"), 2);
  EXPECT_EQ(value_of(store, "SELECT kind FROM event"), "superseded");
  EXPECT_EQ(value_of(store, "SELECT count(*) FROM accuracy_by_condition"), 2);
}

TEST_F(Record, RefusesWhatItDoesNotKnow) {
  Store store = Store::open(file);
  const auto refusal = [&](const auto& change) {
    RunRecord run = invented_run("k1");
    change(run);
    const core::Error error = error_of([&] { store.record(run); });
    EXPECT_EQ(error.code(), ExitCode::steps_failed);
    return std::string(error.what());
  };
  EXPECT_EQ(refusal([](RunRecord& run) { run.metrics[2].name = "latncy_median"; }),
            "run k1: unknown metric \"latncy_median\"; did you mean \"latency_median\"?");
  EXPECT_THAT(refusal([](RunRecord& run) { run.state = "pased"; }), HasSubstr("did you mean \"passed\"?"));
  EXPECT_THAT(refusal([](RunRecord& run) { run.metrics[0].evidence = "guessed"; }), HasSubstr("unknown evidence"));
  EXPECT_EQ(refusal([](RunRecord& run) { run.metrics[0].value = nan; }),
            "run k1: top1 under \"clean\": is not a finite number");
  EXPECT_THAT(refusal([](RunRecord& run) { std::swap(run.metrics[0].ci_lo, run.metrics[0].ci_hi); }),
              HasSubstr("no proper interval"));
  EXPECT_EQ(refusal([](RunRecord& run) { run.metrics.push_back(run.metrics[0]); }),
            "run k1: has top1 under \"clean\" twice");
  EXPECT_THAT(refusal([](RunRecord& run) { run.samples[0].latencies_ms[1] = nan; }), HasSubstr("not a finite number"));
  // Whole or not at all: the last two failed after the run's row was written.
  EXPECT_EQ(value_of(store, "SELECT count(*) FROM run"), 0);
  EXPECT_EQ(value_of(store, "SELECT count(*) FROM cell"), 0);
  store.record(invented_run("k1"));
  EXPECT_EQ(value_of(store, "SELECT count(*) FROM run"), 1);
}

TEST_F(Record, TheSchemaItselfChecks) {
  Store store = Store::open(file);
  store.record(invented_run("k1"));
  SQLite::Database& database = store.connection().database;
  for (const char* wrong :
       {"UPDATE run SET state = 'excellent'", "UPDATE run SET key = ''", "UPDATE metric SET evidence = 'guessed'",
        "UPDATE metric SET ci_lo = 99, ci_hi = 1", "UPDATE metric SET name = 'nonsense' WHERE name = 'macs'",
        "UPDATE metric SET value = 'much'", "UPDATE metric SET value = NULL", "UPDATE cell SET parameters = '{'",
        "UPDATE metric_def SET direction = 'sideways'", "DELETE FROM run", "UPDATE sample SET latencies_ms = '[1'",
        "INSERT INTO run(key, state, reason, started, finished) VALUES('k1', 'passed', '', '', '')",
        "INSERT INTO cell(experiment_id, key, dataset, model, method, target, seed, parameters) "
        "VALUES(77, 'k', 'd', 'm', 'm', 't', 0, '{}')"}) {
    try {
      database.exec(wrong);
      ADD_FAILURE() << wrong;
    } catch (const SQLite::Exception& error) {
      EXPECT_EQ(error.getErrorCode() & 0xff, 19) << wrong << ": " << error.what();  // SQLITE_CONSTRAINT
    }
  }
}

TEST_F(Record, InvalidTextDoesNotLoseARun) {
  Store store = Store::open(file);
  RunRecord run = invented_run("k1");
  run.environment = {{"cpu", "\xff\xfe"}};
  run.reason = "\xff";
  store.record(run);
  std::ostringstream out;
  print(out, query(store, "SELECT * FROM runs"), Format::json);
  EXPECT_EQ(core::parse_json(out.str(), "out").at("rows").size(), 1u);
}

TEST_F(Record, ManyInOneTransaction) {
  Store store = Store::open(file);
  std::vector<RunRecord> runs{invented_run("a"), invented_run("b"), invented_run("a")};
  store.record(runs);
  EXPECT_EQ(value_of(store, "SELECT count(*) FROM run"), 2);
}

TEST_F(Record, AFullDiskLosesNothingThatWasFinished) {
  Store store = Store::open(file);
  store.record(invented_run("before"));
  SQLite::Database& database = store.connection().database;
  database.exec("PRAGMA max_page_count = 1");  // as many as there are: the file cannot grow
  RunRecord large = invented_run("large");
  large.samples[0].latencies_ms.assign(100'000, 0.123456789);
  const core::Error error = error_of([&] { store.record(large); });
  EXPECT_EQ(error.code(), ExitCode::steps_failed);
  EXPECT_EQ(error.problem(), "no space is left for recording run large");
  EXPECT_EQ(value_of(store, "SELECT group_concat(key) FROM run"), "before");
  database.exec("PRAGMA max_page_count = 1000000");
  store.record(large);
  EXPECT_EQ(value_of(store, "SELECT count(*) FROM run"), 2);
}

TEST_F(Record, ALockThatIsNotGivenBackIsSaid) {
  Store store = Store::open(file);
  store.connection().database.setBusyTimeout(0);
  SQLite::Database other(file.string(), SQLite::OPEN_READWRITE);
  other.exec("BEGIN IMMEDIATE");
  const core::Error error = error_of([&] { store.record(invented_run("k1")); });
  EXPECT_EQ(error.code(), ExitCode::steps_failed);
  EXPECT_THAT(error.problem(), HasSubstr("is locked by another program"));
  other.exec("ROLLBACK");
  store.record(invented_run("k1"));
  EXPECT_TRUE(store.has_run("k1"));
}

// Killed at any moment: what record() returned from is there, and nothing is there by halves.
TEST_F(Record, AKilledWriterLeavesWholeRuns) {
  int told[2];
  ASSERT_EQ(pipe(told), 0);
  const pid_t child = fork();
  if (child == 0) {
    Store store = Store::open(file);
    for (int i = 0;; ++i) {
      store.record(invented_run(fmt::format("k{}", i)));
      if (write(told[1], "x", 1) != 1) _exit(1);
    }
  }
  close(told[1]);
  int finished = 0;
  for (char byte = 0; finished < 20 && read(told[0], &byte, 1) == 1;) ++finished;
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  close(told[0]);
  Store store = Store::open(file);
  const int runs = value_of(store, "SELECT count(*) FROM run").get<int>();
  EXPECT_EQ(finished, 20);
  EXPECT_GE(runs, finished);
  EXPECT_EQ(value_of(store, "SELECT count(*) FROM metric").get<int>(), 8 * runs);
  EXPECT_EQ(value_of(store, "SELECT count(*) FROM artifact").get<int>(), runs);
  EXPECT_EQ(store.connection().database.execAndGet("PRAGMA integrity_check").getString(), "ok");
  store.record(invented_run("after"));
  EXPECT_TRUE(store.has_run("after"));
}

// A reader sees whole runs only, and is never in the way.
TEST_F(Record, ReadersSeeWholeRunsWhileAWriterWrites) {
  Store writer = Store::open(file);
  constexpr int runs = 60;
  std::atomic<bool> done{false};
  std::jthread thread([&] {
    for (int i = 0; i < runs; ++i) writer.record(invented_run(fmt::format("k{}", i)));
    done = true;
  });
  const Store reader = Store::open_read_only(file);
  int seen = 0;
  for (bool last = false; !last;) {
    last = done;
    const Table table = query(reader,
                              "SELECT (SELECT count(*) FROM run), (SELECT count(*) FROM metric), "
                              "(SELECT count(*) FROM sample), (SELECT count(*) FROM artifact)");
    const int now = table.rows[0][0].get<int>();
    EXPECT_GE(now, seen);
    EXPECT_EQ(table.rows[0][1].get<int>(), now * 8);
    EXPECT_EQ(table.rows[0][2].get<int>(), now);
    EXPECT_EQ(table.rows[0][3].get<int>(), now);
    seen = now;
  }
  EXPECT_EQ(seen, runs);
}

class Current : public StoreTest {};

TEST_F(Current, WithoutAPlanAllCellsCount) {
  Store store = Store::open(file);
  store.record(invented_run("a"));
  store.record(invented_run("b", "automask"));
  EXPECT_EQ(value_of(store, "SELECT count(*) FROM runs"), 2);
}

TEST_F(Current, APlanNamesThoseThatCountInItsOrder) {
  Store store = Store::open(file);
  for (const char* key : {"a", "b", "c"}) store.record(invented_run(key));
  store.set_current("invented", {"not yet run", "c", "a", "c"});
  EXPECT_EQ(value_of(store, "SELECT group_concat(run) FROM (SELECT run FROM runs ORDER BY position)"), "c,a");
  store.set_current("invented", {"b"});
  EXPECT_EQ(value_of(store, "SELECT group_concat(run) FROM runs"), "b");
  EXPECT_EQ(value_of(store, "SELECT count(*) FROM run"), 3);
  store.set_current("invented", {});
  EXPECT_EQ(value_of(store, "SELECT count(*) FROM runs"), 0);
}

TEST_F(Current, ARunIsSharedByExperimentsUnderTheirOwnNames) {
  Store store = Store::open(file);
  store.record(invented_run("a", "ours"));
  RunRecord again = invented_run("a", "automask");
  again.experiment = "second";
  store.record(again);
  store.set_current("second", {"a"});
  store.set_current("third", {"a"});
  EXPECT_EQ(value_of(store, "SELECT count(*) FROM run"), 1);
  const auto method = [&](const std::string& experiment) {
    return value_of(store, "SELECT method FROM runs WHERE experiment = '" + experiment + "'");
  };
  EXPECT_EQ(method("invented"), "ours");
  EXPECT_EQ(method("second"), "automask");
  EXPECT_EQ(method("third"), "ours");  // never recorded there: the names of the first
}

}  // namespace
}  // namespace automask::results
