// The whole of `run` with a fake step program: what is in the database in the end, whatever happens on the way.
#include "harness/run.h"

#include <gmock/gmock.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "core/atomic_file.h"
#include "harness/launch.h"
#include "results/published.h"
#include "results/query.h"
#include "support.h"

namespace automask::harness {
namespace {

using core::ExitCode;
using test::FakeSteps;
using test::Json;
using test::TempFolder;
using testing::AllOf;
using testing::HasSubstr;

// One store, one manifest, one fake step program.
struct Bench {
  explicit Bench(const Json& json = test::small_manifest()) : manifest(test::load(folder, json)) {}

  RunSummary run(ExecuteOptions options = quick()) {
    const Plan plan = test::plan_of(manifest, world);
    const auto launcher = make_local_launcher(steps.program());
    ProgressSink sink;
    return run_plan(manifest, plan, cells(plan), cache, *launcher, sink, options);
  }
  // In a process of its own, as `automask run` is; returns its wait status.
  int run_in_child() {
    const pid_t child = ::fork();
    if (child == 0) {
      try {
        ::_exit(static_cast<int>(run().exit_code()));
      } catch (...) {
        ::_exit(99);
      }
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return status;
  }
  std::vector<std::size_t> cells(const Plan& plan) const {
    std::vector<std::size_t> chosen;
    for (std::size_t i = 0; i < plan.cells.size(); ++i)
      if (filter.matches(manifest, plan.cells[i].cell)) chosen.push_back(i);
    return chosen;
  }
  Json rows(const std::string& sql) const {
    Json found = Json::array();
    for (const auto& row : results::query(results::Store::open_read_only(cache.store().database()), sql).rows)
      found.push_back(row);
    return found;
  }
  // Everything that must not depend on what happened on the way.
  Json final_rows() const {
    return {
        rows("SELECT experiment, dataset, model, method, target, seed, state, run, position FROM runs ORDER BY run"),
        rows("SELECT run, condition, top1, ci_lo, ci_hi, evidence, n FROM accuracy_by_condition ORDER BY run"),
        rows("SELECT key, newest, state, started, finished FROM run ORDER BY key, id"),
        rows("SELECT r.key, s.condition, s.latencies_ms FROM sample s JOIN run r ON r.id = s.run_id ORDER BY 1, 2"),
        rows("SELECT r.key, a.kind, a.path, a.sha256, a.bytes FROM artifact a JOIN run r ON r.id = a.run_id ORDER BY "
             "1, 2, 3")};
  }
  static ExecuteOptions quick() {
    ExecuteOptions options;
    options.poll_ms = 20;
    return options;
  }

  TempFolder folder;
  Manifest manifest;
  test::World world;
  FakeSteps steps{folder};
  Cache cache{StoreLayout{folder / "store"}};
  Filter filter;
};

TEST(Run, RecordsEveryCellAndFindsAllTheSecondTime) {
  Bench bench;
  const RunSummary first = bench.run();
  EXPECT_EQ(first.exit_code(), ExitCode::ok);
  EXPECT_EQ(first.done, 9u);
  EXPECT_EQ(first.cells_passed, 2u);
  const Json rows = bench.final_rows();
  EXPECT_EQ(bench.rows("SELECT method, state FROM runs ORDER BY method"),
            Json::parse(R"([["masked", "passed"], ["plain", "passed"]])"));
  const RunSummary second = bench.run();
  EXPECT_EQ(second.exit_code(), ExitCode::ok);
  EXPECT_EQ(second.done, 0u);
  EXPECT_EQ(second.found, 9u);
  EXPECT_EQ(second.cells_passed, 2u);
  EXPECT_EQ(bench.final_rows(), rows);
}

TEST(Run, ARunHoldsMetricsSamplesArtifactsAndEnvironment) {
  Bench bench;
  bench.run();
  EXPECT_EQ(bench.rows("SELECT top1, ci_lo, ci_hi, evidence, n FROM accuracy_by_condition WHERE method = 'plain'"),
            (Json{{80.0, 79.0, 81.0, "measured", 100}}));
  EXPECT_EQ(bench.rows("SELECT count(*) FROM artifact a JOIN run r ON r.id = a.run_id JOIN cell c ON c.key = r.key "
                       "WHERE c.method = 'plain'"),
            (Json{{5}}));  // two variants, checkpoint, package, and the execution's
  EXPECT_EQ(bench.rows("SELECT DISTINCT document FROM environment"), (Json{{"{\"cpu\":\"test\"}"}}));
  EXPECT_EQ(bench.rows("SELECT DISTINCT document FROM build"), (Json{{"{\"version\":\"test\"}"}}));
  for (const Json& row : bench.rows("SELECT path FROM artifact"))
    EXPECT_TRUE(std::filesystem::exists(bench.cache.store().root / row[0].get<std::string>())) << row;
}

TEST(Run, AFilteredRunLeavesTheOthersCurrent) {
  Bench bench;
  bench.run();
  bench.filter = Filter::parse("method=plain");
  const RunSummary summary = bench.run();
  EXPECT_EQ(summary.cells, 1u);
  EXPECT_EQ(summary.found, 5u);
  EXPECT_EQ(bench.rows("SELECT count(*) FROM runs"), (Json{{2}}));
}

TEST(Run, AFailedCellIsARowAndTheNextRunMendsIt) {
  Bench bench;
  bench.steps.fail("train * masked *");
  const RunSummary summary = bench.run();
  EXPECT_EQ(summary.exit_code(), ExitCode::steps_failed);
  EXPECT_EQ(summary.failed, 1u);
  EXPECT_EQ(summary.skipped, 3u);
  EXPECT_EQ(bench.rows("SELECT method, state, reason FROM runs ORDER BY method"),
            (Json{{"masked", "unsupported", "train toy tiny masked seed 0: the fake was told to fail"},
                  {"plain", "passed", ""}}));
  bench.steps.obey_no_more();
  EXPECT_EQ(bench.run().exit_code(), ExitCode::ok);
  EXPECT_EQ(bench.rows("SELECT method, state FROM runs ORDER BY method"),
            Json::parse(R"([["masked", "passed"], ["plain", "passed"]])"));
  EXPECT_EQ(bench.rows("SELECT count(*) FROM run"), (Json{{3}}));
}

TEST(Run, ADamagedResultIsDoneAgain) {
  Bench bench;
  bench.run();
  const Json rows = bench.final_rows();
  const Plan plan = test::plan_of(bench.manifest);
  core::write_file_atomically(bench.cache.folder(plan.steps[0]) / "result.json", "{\"schema_version\": 1");
  const RunSummary summary = bench.run();
  EXPECT_EQ(summary.done, 1u);
  EXPECT_EQ(summary.found, 8u);
  EXPECT_EQ(bench.final_rows(), rows);
}

// The harness is killed by its own step program at each step, at three points of it; started again until it ends.
TEST(Run, KilledAnywhereItEndsWithTheSameRows) {
  Bench undisturbed;
  undisturbed.run();
  // Keys hold digests of data, not places, so that two stores agree.
  const Json expected = undisturbed.final_rows();
  const Plan plan = test::plan_of(undisturbed.manifest);
  for (const char* when : {"begin", "half", "end"}) {
    Bench bench;
    for (const Step& step : plan.steps) {
      SCOPED_TRACE(std::string(when) + " of " + step.label);
      bench.steps.kill_harness(when, step.label);
      const int status = bench.run_in_child();
      ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
      bench.steps.obey_no_more();
    }
    EXPECT_EQ(bench.run_in_child(), 0);
    EXPECT_EQ(bench.final_rows(), expected) << when;
    for (const Step& step : plan.steps)
      EXPECT_EQ(bench.steps.count("end " + step.label), 1u) << "done twice: " << step.label;
  }
}

TEST(Run, StepsDieWithTheHarness) {
  Bench bench;
  bench.steps.kill_harness("half", "train * plain *");  // afterwards the fake would wait for ever
  ASSERT_TRUE(WIFSIGNALED(bench.run_in_child()));
  const Plan plan = test::plan_of(bench.manifest);
  for (const Step& step : plan.steps) {
    if (step.label != "train toy tiny plain seed 0") continue;
    // The step holds the lock for as long as it lives: this waits for its end.
    std::FILE* lock = std::fopen((bench.cache.folder(step) / "lock").c_str(), "r");
    ASSERT_NE(lock, nullptr);
    EXPECT_EQ(::flock(::fileno(lock), LOCK_EX), 0);
    std::fclose(lock);
  }
}

TEST(Run, TwoAtOnceDoNoStepTwice) {
  Bench bench;
  const pid_t first = ::fork();
  if (first == 0) {
    int code = 1;
    try {
      code = static_cast<int>(bench.run().exit_code());
    } catch (const std::exception& error) {  // must not come back into the test: it would take the folder away
      std::fprintf(stderr, "%s\n", error.what());
    }
    ::_exit(code);
  }
  EXPECT_EQ(bench.run().exit_code(), ExitCode::ok);
  int status = -1;
  ::waitpid(first, &status, 0);
  EXPECT_EQ(status, 0);
  for (const Step& step : test::plan_of(bench.manifest).steps)
    EXPECT_EQ(bench.steps.count("begin " + step.label), 1u) << step.label;
  EXPECT_EQ(bench.rows("SELECT count(*) FROM run"), (Json{{2}}));
}

// A published cell is known again on a machine with another environment, and is not done there.
TEST(Run, AnImportedCellIsNotDoneAgain) {
  Bench there;
  there.run();
  const TempFolder published;
  const auto exported = results::export_published(results::Store::open_read_only(there.cache.store().database()),
                                                  {"small"}, published / "published");
  ASSERT_EQ(exported.experiments.size(), 1u);
  EXPECT_EQ(exported.experiments[0].cells, 2u);

  Bench here;
  here.world.environment = "another machine";
  auto runs = results::read_published(published / "published");
  std::filesystem::create_directories(here.cache.store().root);
  results::Store::open(here.cache.store().database()).record(runs);
  const RunSummary summary = here.run();
  EXPECT_EQ(summary.exit_code(), ExitCode::ok);
  EXPECT_EQ(summary.done, 0u);
  EXPECT_EQ(summary.imported, 2u);
  EXPECT_EQ(summary.cells_passed, 2u);
  EXPECT_THAT(summary.imported_from, HasSubstr("2 cells are imported, from small/"));
  EXPECT_TRUE(here.steps.log().empty());
  EXPECT_EQ(here.rows("SELECT method, condition, top1 FROM accuracy_by_condition ORDER BY 1"),
            there.rows("SELECT method, condition, top1 FROM accuracy_by_condition ORDER BY 1"));

  // Other training: nothing of it was published.
  Json json = test::small_manifest();
  json["train"]["epochs"] = 2;
  here.manifest = test::load(here.folder, json);
  EXPECT_EQ(here.run().done, 9u);
  // One that is asked for all the same is this machine's own from then on.
  here.manifest = test::load(here.folder, test::small_manifest());
  const Plan plan = test::plan_of(here.manifest, here.world);
  const auto launcher = make_local_launcher(here.steps.program());
  ProgressSink sink;
  EXPECT_GT(run_plan(here.manifest, plan, here.cells(plan), here.cache, *launcher, sink, Bench::quick(), true).done,
            0u);
  EXPECT_EQ(here.run().imported, 0u);
}

// What was published of one experiment serves another with the same network under another name: as a run of the
// other's.
TEST(Run, APublishedCellServesOtherExperiments) {
  Bench there;
  there.run();
  const TempFolder published;
  results::export_published(results::Store::open_read_only(there.cache.store().database()), {"small"},
                            published / "published");

  Json json = test::small_manifest();
  json["name"] = "other";
  json["methods"]["renamed"] = json["methods"]["plain"];
  json["methods"].erase("plain");
  Bench here(json);
  here.world.environment = "another machine";
  std::filesystem::create_directories(here.cache.store().root);
  results::Store::open(here.cache.store().database()).record(results::read_published(published / "published"));
  here.filter = Filter::parse("method=renamed");
  const RunSummary summary = here.run();
  EXPECT_EQ(summary.done, 0u);
  EXPECT_EQ(summary.imported, 1u);
  EXPECT_THAT(summary.imported_from, HasSubstr("1 cell is imported, from small/toy-tiny-plain-host-seed0.json"));
  const char* sql =
      "SELECT k.method, a.condition, a.top1, a.n FROM accuracy_by_condition a JOIN current_passed k ON k.run = a.run "
      "AND k.experiment = a.experiment WHERE k.experiment = 'other' ORDER BY 2";
  const Json rows = here.rows(sql);
  ASSERT_FALSE(rows.empty());
  EXPECT_EQ(rows[0][0], "renamed");
  // What was measured is as it was there; the other cell of that manifest has not run yet.
  EXPECT_EQ(here.rows("SELECT top1 FROM accuracy_by_condition WHERE experiment = 'other'"),
            there.rows("SELECT top1 FROM accuracy_by_condition WHERE method = 'plain'"));
  EXPECT_EQ(here.rows("SELECT count(*) FROM run"), (Json{{3}}));

  // Again it is the experiment's own, exported under its name, and known elsewhere without the first.
  EXPECT_EQ(here.run().imported, 1u);
  EXPECT_EQ(here.rows("SELECT count(*) FROM run"), (Json{{3}}));
  results::export_published(results::Store::open_read_only(here.cache.store().database()), {"other"},
                            published / "again");
  const auto again = results::read_published(published / "again");
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again[0].experiment, "other");
  EXPECT_EQ(again[0].method, "renamed");
  EXPECT_EQ(again[0].environment["cpu"], "test");
  EXPECT_EQ(results::read_published(published / ".").size(), 3u);

  Bench elsewhere(json);
  elsewhere.world.environment = "a third machine";
  std::filesystem::create_directories(elsewhere.cache.store().root);
  results::Store::open(elsewhere.cache.store().database()).record(results::read_published(published / "again"));
  elsewhere.filter = here.filter;
  EXPECT_EQ(elsewhere.run().imported, 1u);

  // What was done here stays, though its steps are gone and others did the same.
  Json local = json;
  local["name"] = "local";
  there.manifest = test::load(there.folder, local);
  there.filter = here.filter;
  there.run();
  results::Store::open(there.cache.store().database()).record(results::read_published(published / "again"));
  std::filesystem::remove_all(there.cache.store().root / "cache");
  EXPECT_EQ(there.run().imported, 0u);

  // Other seeds: another result.
  json["seeds"] = {1};
  here.manifest = test::load(here.folder, json);
  EXPECT_EQ(here.run().imported, 0u);
}

TEST(Run, OtherMixesAreOtherRunsOfTheSameSteps) {
  Json json = test::small_manifest();
  json["conditions"] = {"clean"};
  json["mixes"] = {{"all_clean", {{"clean", 1}}}};
  Bench bench(json);
  bench.run();
  const std::string sql =
      "SELECT DISTINCT m.condition, m.value FROM metric m JOIN current_passed k ON k.run_id = "
      "m.run_id WHERE m.name = 'mix_top1' AND k.method = 'plain'";
  EXPECT_EQ(bench.rows(sql), Json::parse(R"([["all_clean", 80.0]])"));
  json["mixes"] = {{"renamed", {{"*", 3}}}};
  bench.manifest = test::load(bench.folder, json);
  EXPECT_EQ(bench.run().done, 0u);
  EXPECT_EQ(bench.rows(sql), Json::parse(R"([["renamed", 80.0]])"));
}

TEST(Run, GatesAreHeldAgainstTheResults) {
  Json json = test::small_manifest();
  json["gates"] = {{{"metric", "top1"}, {"condition", "clean"}, {"method", "plain"}, {"min", 75}}};
  EXPECT_EQ(Bench(json).run().exit_code(), ExitCode::ok);
  json["gates"][0]["min"] = 85;
  const RunSummary missed = Bench(json).run();
  EXPECT_EQ(missed.exit_code(), ExitCode::gate_missed);
  ASSERT_EQ(missed.gates.size(), 1u);
  EXPECT_THAT(missed.gates[0].sentence,
              AllOf(HasSubstr("top1 of toy tiny plain host seed 0 on clean is 80"), HasSubstr("at least 85")));
  json["gates"][0] = {{"metric", "top1"}, {"max", 79.5}};
  EXPECT_EQ(Bench(json).run().gates.size(), 2u);
  json["gates"][0] = {{"metric", "top5"}, {"min", 1}};
  const RunSummary unspoken = Bench(json).run();
  EXPECT_EQ(unspoken.exit_code(), ExitCode::gate_missed);
  EXPECT_THAT(unspoken.gates.at(0).sentence, HasSubstr("top5"));
}

}  // namespace
}  // namespace automask::harness
