#include "harness/doctor.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "core/atomic_file.h"
#include "harness/environment.h"
#include "harness/launch.h"
#include "harness/progress.h"
#include "results/store.h"

namespace automask::harness {
namespace {

constexpr std::int64_t gib = std::int64_t{1} << 30;

Check check_store(const StoreLayout& store) {
  const auto probe = store.root / ".probe";
  try {
    create_store(store);
    core::write_file_atomically(probe, "can be written\n");
    std::filesystem::remove(probe);
  } catch (const core::Error& error) {
    return {"store", "fail", error.where() + ": " + error.problem(), error.remedy()};
  }
  return {"store", "ok", store.root.string() + " can be written", ""};
}

Check check_disk(const StoreLayout& store) {
  auto place = store.root;
  while (!std::filesystem::exists(place) && place.has_relative_path()) place = place.parent_path();
  struct statvfs facts = {};
  if (::statvfs(place.c_str(), &facts) != 0) return {"disk", "warn", "the free space cannot be told", ""};
  const auto free = static_cast<std::int64_t>(facts.f_bavail) * static_cast<std::int64_t>(facts.f_frsize);
  const std::string finding = human_bytes(free) + " free at " + place.string();
  const std::string remedy = "free some space or choose another place with --store";
  if (free < gib / 4) return {"disk", "fail", finding, remedy};
  if (free < 2 * gib) return {"disk", "warn", finding, remedy};
  return {"disk", "ok", finding, ""};
}

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

Check check_step_program() {
  const std::string remedy = "build the target automask-step, or reinstall: it lies beside automask";
  const auto program = step_program();
  if (!std::filesystem::exists(program)) return {"automask-step", "fail", program.string() + " is missing", remedy};
  std::FILE* pipe = ::popen((quoted(program.string()) + " --version 2>&1").c_str(), "r");
  if (pipe == nullptr) return {"automask-step", "fail", program.string() + " cannot be started", remedy};
  std::string answer;
  std::array<char, 512> buffer;
  while (std::fgets(buffer.data(), buffer.size(), pipe) != nullptr) answer += buffer.data();
  const int status = ::pclose(pipe);
  answer.erase(answer.find_last_not_of(" \n") + 1);
  if (status != 0) return {"automask-step", "fail", program.string() + " does not run: " + answer, remedy};
  if (answer.find(version()) == std::string::npos)
    return {"automask-step", "fail", "it is of another version than this automask " + version() + ": " + answer,
            remedy};
  return {"automask-step", "ok", answer, ""};
}

// Not `wanted`: a runner whose device is not here is no fault.
Check check_runner(const host::RunnerSpec& spec, bool wanted) {
  const std::string name = "runner " + spec.name;
  try {
    const auto session = host::Session::start(spec);
    const host::Device device = session->initialize();
    session->shutdown();
    std::string formats;
    for (const std::string& format : device.formats) formats += (formats.empty() ? "" : ", ") + format;
    return {name, "ok", device.name + " (" + device.evidence + "; " + formats + ")", ""};
  } catch (const host::RunnerFailure& error) {
    const bool absent = error.kind() == host::FailureKind::unsupported;
    return {name, absent && !wanted ? "warn" : "fail", error.problem(), error.remedy()};
  } catch (const core::Error& error) {
    return {name, "fail", error.problem(), error.remedy()};
  }
}

Check check_data(const datasets::DatasetSpec& spec, bool wanted) {
  const std::string name = "data " + spec.name;
  try {
    std::size_t files = 0;
    for (const auto split : {datasets::Split::train, datasets::Split::test})
      files += datasets::files(spec, split).size();
    return {name, "ok", std::to_string(files) + " files in " + spec.root.string(), ""};
  } catch (const core::Error& error) {
    return {name, wanted ? "fail" : "warn", error.where() + ": " + error.problem(), error.remedy()};
  }
}

datasets::DatasetSpec default_data() {
  datasets::DatasetSpec spec;
  spec.name = "fashion_mnist";
  spec.reader = "idx";
  spec.root = "/usr/share/datasets/fashion-mnist";
  return spec;
}

Check check_sqlite() {
  // 3.37 brought STRICT tables, 3.35 RETURNING; older ones lack what the schema uses.
  const std::string finding = "SQLite " + results::sqlite_version();
  if (results::sqlite_version_number() < 3037000) return {"sqlite", "warn", finding, "use SQLite 3.37 or newer"};
  return {"sqlite", "ok", finding, ""};
}

Check check_governor() {
  const std::string governor = cpu_governor();
  if (governor.empty()) return {"governor", "ok", "the kernel does not tell the CPU's clock governor", ""};
  if (governor == "performance") return {"governor", "ok", governor, ""};
  return {"governor", "warn", governor + ": latencies vary with the clock",
          "for timing, set it with `cpupower frequency-set -g performance`"};
}

}  // namespace

std::vector<Check> examine(const StoreLayout& store, const std::vector<host::RunnerSpec>& registry,
                           const std::optional<Manifest>& manifest) {
  std::vector<Check> checks = {check_store(store), check_disk(store), check_step_program()};
  if (!manifest) {
    for (const auto& spec : registry) checks.push_back(check_runner(spec, false));
    checks.push_back(check_data(default_data(), false));
  } else {
    std::vector<std::string> seen;
    for (const auto& target : manifest->targets) {
      if (std::find(seen.begin(), seen.end(), target.runner) != seen.end()) continue;
      seen.push_back(target.runner);
      try {
        checks.push_back(check_runner(host::find_runner(registry, target.runner), true));
      } catch (const core::Error& error) {
        checks.push_back({"runner " + target.runner, "fail", error.problem(), error.remedy()});
      }
    }
    for (const auto& spec : manifest->datasets) checks.push_back(check_data(spec, true));
  }
  checks.push_back(check_sqlite());
  checks.push_back(check_governor());
  return checks;
}

}  // namespace automask::harness
