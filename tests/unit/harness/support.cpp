#include "support.h"

#include <stdlib.h>

#include <algorithm>
#include <fstream>

#include "core/atomic_file.h"
#include "core/hash.h"

namespace automask::harness::test {

namespace fs = std::filesystem;

TempFolder::TempFolder() {
  std::string name = (fs::temp_directory_path() / "automask-harness-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
  path_ = name;
}

TempFolder::~TempFolder() {
  std::error_code error;
  fs::remove_all(path_, error);
}

fs::path TempFolder::write(const std::string& name, const std::string& text) const {
  core::write_file_atomically(path_ / name, text);
  return path_ / name;
}

Json small_manifest() {
  return {{"name", "small"},
          {"datasets", {{"toy", {{"reader", "idx"}, {"path", "data"}, {"input", {1, 28, 28}}}}}},
          {"conditions", {"clean", "jpeg:q20"}},
          {"models", {{"tiny", {{"name", "tinynet"}}}}},
          {"train", {{"epochs", 1}}},
          {"methods", {{"plain", {{"method", "clean"}}}, {"masked", {{"method", "automask"}, {"mac_budget", 0.5}}}}},
          {"targets", {{"host", {{"runner", "cpu"}}}}}};
}

void write_data(const TempFolder& folder) {
  for (const char* name :
       {"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"})
    folder.write(std::string("data/") + name, std::string("pictures of ") + name);
}

Manifest load(const fs::path& file) { return parse_manifest(read_document(file)); }

Manifest load(const TempFolder& folder, const Json& json) {
  write_data(folder);
  return load(folder.write("manifest.json", json));
}

PlanContext World::context() {
  PlanContext context;
  context.fingerprint = [this](const datasets::DatasetSpec& spec, datasets::Split split) {
    ++fingerprints_taken;
    return datasets::fingerprint(spec, split);
  };
  context.runner = [](const std::string& name) {
    const std::vector<host::RunnerSpec> registry = {{"cpu", {"automask-runner-cpu"}, {}, "built in"}};
    return host::find_runner(registry, name);
  };
  context.published_weights = [this](const std::string& model) { return fs::path("/weights") / (model + weights); };
  // Published weights are only named here.
  context.file_digest = [](const fs::path& path) {
    return fs::exists(path) ? core::sha256_file(path) : "digest of " + path.string();
  };
  context.environment_digest = [this](const host::RunnerSpec& runner) { return runner.name + " on " + environment; };
  context.threads = 3;
  return context;
}

Plan plan_of(const Manifest& manifest, World& world) {
  return make_plan(manifest, resolve_cells(manifest), world.context());
}

Plan plan_of(const Manifest& manifest) {
  World world;
  return plan_of(manifest, world);
}

void write_result(const Cache& cache, const Step& step, double top1, double seconds) {
  const fs::path folder = cache.folder(step);
  const std::string content = "made by " + step.label;
  core::write_file_atomically(folder / "step.json", to_json(step).dump(1));
  core::write_file_atomically(folder / "made.txt", content);
  Json metrics = Json::array(), samples = Json::array();
  if (step.stage == Stage::execute) {
    metrics.push_back({{"name", "top1"},
                       {"condition", "clean"},
                       {"value", top1},
                       {"ci_lo", top1 - 1},
                       {"ci_hi", top1 + 1},
                       {"evidence", "measured"},
                       {"n", 100}});
    samples.push_back({{"condition", "clean"}, {"latencies_ms", {1.0, 2.0}}});
  }
  const Json result = {
      {"schema_version", 1},
      {"key", step.key},
      {"stage", to_string(step.stage)},
      {"state", "passed"},
      {"reason", ""},
      {"started", "2024-01-01T00:00:00Z"},
      {"finished", "2024-01-01T00:00:02Z"},
      {"seconds", seconds},
      {"metrics", metrics},
      {"samples", samples},
      {"artifacts",
       Json::array({{{"kind", "package"}, {"file", "made.txt"}, {"bytes", content.size()}, {"sha256", "00"}}})},
      {"environment", {{"cpu", "test"}, {"build", {{"version", "test"}}}}},
      {"details", Json::object()}};
  core::write_file_atomically(folder / "result.json", result.dump(1) + "\n");
}

FakeSteps::FakeSteps(const TempFolder& folder)
    : folder_(folder / "fake"), program_(folder / "fake/step"), log_(folder / "fake/log") {
  fs::create_directories(folder_);
  // Values are taken from the pretty-printed step.json, whose top level is indented by one space.
  folder.write("fake/step", std::string("#!/bin/sh\nhere=") + folder_.string() + R"sh(
folder=$2
value() { sed -n "s/^ \"$1\": \"\(.*\)\",\{0,1\}\$/\1/p" "$step"; }
step=$1
label=$(value label); key=$(value key); stage=$(value stage)
told() { for file in "$here"/order-"$1"-*; do [ -f "$file" ] || continue; read -r glob < "$file"; case "$label" in $glob) return 0;; esac; done; return 1; }
echo "begin $label" >> "$here/log"
if told kill-begin; then kill -9 "$PPID"; exec tail -f /dev/null; fi
echo '{"event": "progress", "phase": "work", "done": 1, "total": 2, "rate": 10}'
mkdir -p "$folder/work"; echo "half of $label" > "$folder/work/state"; echo partial > "$folder/made.txt"
if told kill-half; then kill -9 "$PPID"; exec tail -f /dev/null; fi
if told fail; then
  echo "{\"schema_version\": 1, \"state\": \"unsupported\", \"reason\": \"$label: the fake was told to fail\"}" > "$folder/failure.json"
  exit 4
fi
if told silent; then echo "something odd" >&2; echo "the last word" >&2; exit 3; fi
if told die; then kill -SEGV $$; fi
if told noresult; then exit 0; fi
if told hang; then trap 'exit 130' TERM; echo "hangs $$" >> "$here/log"; tail -f /dev/null & wait; fi
if told deaf; then trap '' TERM; echo "deaf $$" >> "$here/log"; exec tail -f /dev/null; fi
printf 'made by %s' "$label" > "$folder/made.txt"
bytes=$(wc -c < "$folder/made.txt")
metrics=""; samples=""
if [ "$stage" = execute ]; then
  metrics='{"name": "top1", "condition": "clean", "value": 80, "ci_lo": 79, "ci_hi": 81, "evidence": "measured", "n": 100}'
  samples='{"condition": "clean", "latencies_ms": [1.0, 2.0]}'
fi
cat > "$folder/result.tmp" <<END
{"schema_version": 1, "key": "$key", "stage": "$stage", "state": "passed", "reason": "",
 "started": "2024-01-01T00:00:00Z", "finished": "2024-01-01T00:00:02Z", "seconds": 2,
 "metrics": [$metrics], "samples": [$samples],
 "artifacts": [{"kind": "package", "file": "made.txt", "bytes": $bytes, "sha256": "00"}],
 "environment": {"cpu": "test", "build": {"version": "test"}}, "details": {}}
END
rm -rf "$folder/work"
mv "$folder/result.tmp" "$folder/result.json"
echo "end $label" >> "$here/log"
if told kill-end; then kill -9 "$PPID"; exec tail -f /dev/null; fi
exit 0
)sh");
  fs::permissions(program_, fs::perms::owner_all);
}

void FakeSteps::order(const std::string& what, const std::string& glob) const {
  std::size_t number = 0;
  while (fs::exists(folder_ / ("order-" + what + "-" + std::to_string(number)))) ++number;
  core::write_file_atomically(folder_ / ("order-" + what + "-" + std::to_string(number)), glob + "\n");
}

void FakeSteps::obey_no_more() const {
  std::vector<fs::path> orders;
  for (const auto& entry : fs::directory_iterator(folder_))
    if (entry.path().filename().string().rfind("order-", 0) == 0) orders.push_back(entry.path());
  for (const fs::path& file : orders) fs::remove(file);
}

std::vector<std::string> FakeSteps::log() const {
  std::vector<std::string> lines;
  std::ifstream in(log_);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::size_t FakeSteps::count(const std::string& line) const {
  const auto lines = log();
  return static_cast<std::size_t>(std::count(lines.begin(), lines.end(), line));
}

}  // namespace automask::harness::test
