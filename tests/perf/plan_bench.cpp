// Planning 10,000 cells: under a second (with an empty store, and with everything finished).
#include <benchmark/benchmark.h>
#include <stdlib.h>

#include <fstream>

#include "core/atomic_file.h"
#include "harness/explain.h"
#include "harness/plan.h"

namespace automask::harness {
namespace {

using core::Json;

constexpr std::size_t wanted_cells = 10000;

// 10 models x 20 methods x 2 targets x 25 seeds, 5 conditions.
Json large_manifest() {
  Json json = {
      {"name", "large"},
      {"datasets", {{"toy", {{"reader", "idx"}, {"path", "data"}, {"input", {1, 28, 28}}}}}},
      {"conditions", {"clean", "gaussian_noise:3", "defocus_blur:1", "jpeg:q10", "gaussian_noise:3 > jpeg:q20"}},
      {"targets", {{"one", {{"runner", "cpu"}}}, {"two", {{"runner", "cpu"}, {"threads", 2}}}}}};
  for (int i = 1; i <= 10; ++i) json["models"]["w" + std::to_string(i)] = {{"name", "resnet8"}, {"width", i}};
  for (int i = 1; i <= 20; ++i)
    json["methods"]["m" + std::to_string(i)] = {{"method", "automask"}, {"mac_budget", i / 20.0}};
  for (int i = 0; i < 25; ++i) json["seeds"].push_back(i);
  return json;
}

PlanContext context() {
  PlanContext world;
  world.fingerprint = [](const datasets::DatasetSpec&, datasets::Split split) {
    return std::string(64, split == datasets::Split::test ? 'a' : 'b');
  };
  world.runner = [](const std::string& name) {
    return host::RunnerSpec{name, {"automask-runner-cpu"}, {}, "built in"};
  };
  world.published_weights = [](const std::string& model) { return std::filesystem::path(model); };
  world.file_digest = [](const std::filesystem::path&) { return std::string(64, 'd'); };
  world.environment_digest = [](const host::RunnerSpec&) { return std::string(64, 'c'); };
  return world;
}

struct Folder {
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "automask-plan-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

// Everything `automask plan` does but printing.
std::size_t plan_once(const std::filesystem::path& file, const Cache& cache, std::size_t* hits) {
  const Manifest manifest = parse_manifest(read_document(file));
  const Plan plan = make_plan(manifest, resolve_cells(manifest), context());
  *hits = 0;
  for (const StepStatus& status : inspect(plan, cache, false)) *hits += status.hit;
  return plan.cells.size();
}

void plan_10000_cells(benchmark::State& state) {
  const Folder folder;
  core::write_file_atomically(folder.path / "manifest.json", large_manifest().dump());
  const Cache cache(StoreLayout{folder.path / "store"});
  for (auto _ : state) {
    std::size_t hits = 0;
    if (plan_once(folder.path / "manifest.json", cache, &hits) != wanted_cells || hits != 0)
      state.SkipWithError("the plan is not that of 10,000 new cells");
  }
  state.counters["cells_per_second"] =
      benchmark::Counter(static_cast<double>(wanted_cells), benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(plan_10000_cells)->Unit(benchmark::kMillisecond);

void plan_10000_finished_cells(benchmark::State& state) {
  const Folder folder;
  const auto file = folder.path / "manifest.json";
  core::write_file_atomically(file, large_manifest().dump());
  const Cache cache(StoreLayout{folder.path / "store"});
  const Manifest manifest = parse_manifest(read_document(file));
  const Plan plan = make_plan(manifest, resolve_cells(manifest), context());
  for (const Step& step : plan.steps) {
    std::filesystem::create_directories(cache.folder(step));
    std::ofstream(cache.folder(step) / "result.json")
        << Json{{"schema_version", 1},      {"key", step.key},          {"state", "passed"},         {"seconds", 1.0},
                {"metrics", Json::array()}, {"samples", Json::array()}, {"artifacts", Json::array()}};
  }
  for (auto _ : state) {
    std::size_t hits = 0;
    if (plan_once(file, cache, &hits) != wanted_cells || hits != plan.steps.size())
      state.SkipWithError("not every step was found");
  }
}
BENCHMARK(plan_10000_finished_cells)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace automask::harness
