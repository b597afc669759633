// The database at size: one run of 100,000 metrics written (aim: < 2 s) and asked for (aim: < 100 ms).
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <string>

#include "results/query.h"
#include "results/store.h"

namespace {

using namespace automask;

constexpr int conditions = 20'000;
constexpr const char* names[] = {"top1", "latency_median", "latency_p90", "latency_p99", "macs"};
constexpr int metrics = conditions * 5;

results::RunRecord large_run(int number) {
  results::RunRecord run;
  run.key = "run" + std::to_string(number);
  run.experiment = "benchmark";
  run.manifest = core::Json::object();
  run.dataset = "none";
  run.model = "none";
  run.method = "none";
  run.target = "none";
  run.seed = number;
  run.state = "passed";
  run.started = run.finished = "2026-01-01T00:00:00Z";
  for (int i = 0; i < conditions; ++i)
    for (const char* name : names)
      run.metrics.push_back({name, "gaussian_noise:3 > jpeg:q" + std::to_string(i), i / 1000.0, i / 1000.0 - 1,
                             i / 1000.0 + 1, "measured", 10'000});
  return run;
}

class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "automask-bench-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) std::abort();
    path_ = pattern;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::filesystem::path file() const { return path_ / "results.db"; }

 private:
  std::filesystem::path path_;
};

void results_write_100k(benchmark::State& state) {
  for (auto unused : state) {
    state.PauseTiming();
    const Folder folder;
    results::Store store = results::Store::open(folder.file());
    const results::RunRecord run = large_run(0);
    state.ResumeTiming();
    store.record(run);
    state.PauseTiming();
    const auto table = results::query(store, "SELECT count(*), sum(value) FROM metric WHERE name = 'top1'");
    if (table.rows[0][0] != conditions || std::abs(table.rows[0][1].get<double>() - 199'990) > 1e-3)
      state.SkipWithError("the rows written are not there");
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * metrics);
}
BENCHMARK(results_write_100k)->Unit(benchmark::kMillisecond);

// One store of a 100,000-metric run for all queries below.
const results::Store& filled() {
  static const Folder folder;
  static const results::Store store = [] {
    results::Store::open(folder.file()).record(large_run(0));
    return results::Store::open_read_only(folder.file());
  }();
  return store;
}

void expect_rows(benchmark::State& state, const results::Table& table, std::size_t rows) {
  if (table.rows.size() != rows) state.SkipWithError("the query's rows are not those written");
}

// Reads all 100,000 rows.
void results_query_100k_aggregate(benchmark::State& state) {
  const results::Store& store = filled();
  for (auto unused : state)
    expect_rows(state,
                results::query(store,
                               "SELECT name, evidence, count(*), avg(value), min(ci_lo), max(ci_hi) "
                               "FROM metric GROUP BY name, evidence"),
                std::size(names));
}
BENCHMARK(results_query_100k_aggregate)->Unit(benchmark::kMillisecond);

void results_query_100k_filtered_view(benchmark::State& state) {
  const results::Store& store = filled();
  for (auto unused : state)
    expect_rows(state,
                results::query(store, "SELECT * FROM accuracy_by_condition WHERE condition = :c",
                               {{"c", "gaussian_noise:3 > jpeg:q777"}}),
                1);
}
BENCHMARK(results_query_100k_filtered_view)->Unit(benchmark::kMillisecond);

// The saved query with all its 20,000 rows, printed.
void results_query_100k_saved(benchmark::State& state) {
  const results::Store& store = filled();
  const auto saved = results::saved_queries({});
  for (auto unused : state) {
    std::ostringstream out;
    results::print_query(out, store, results::find_saved_query(saved, "accuracy_by_condition").sql,
                         core::Json::object(), results::Format::json);
    const std::string text = out.str();
    if (std::count(text.begin(), text.end(), '\n') != conditions + 2) state.SkipWithError("rows are missing");
    benchmark::DoNotOptimize(text.size());
  }
}
BENCHMARK(results_query_100k_saved)->Unit(benchmark::kMillisecond);

// Opening included, as the command does it.
void results_open_read_only(benchmark::State& state) {
  const Folder folder;
  results::Store::open(folder.file()).record(large_run(0));
  for (auto unused : state) {
    const results::Store store = results::Store::open_read_only(folder.file());
    if (!store.has_run("run0")) state.SkipWithError("the run is not there");
  }
}
BENCHMARK(results_open_read_only)->Unit(benchmark::kMillisecond);

}  // namespace
