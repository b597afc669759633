#include "harness/environment.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <thread>

#include "build_info.h"
#include "core/hash.h"

namespace automask::harness {
namespace {

// The value after "key" and one of `separators` in a file of lines; empty when there is none.
std::string value_in(const char* file, const std::string& key, const char* separator) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (line.rfind(key, 0) != 0) continue;
    const auto at = line.find(separator);
    if (at == std::string::npos) continue;
    std::string value = line.substr(at + 1);
    value.erase(0, value.find_first_not_of(" \t\""));
    value.erase(value.find_last_not_of(" \t\"") + 1);
    return value;
  }
  return {};
}

std::string cpu_model() {
  // x86 says "model name"; many ARM kernels say "Hardware" or only the part number.
  for (const char* key : {"model name", "Hardware", "CPU part"})
    if (std::string value = value_in("/proc/cpuinfo", key, ":"); !value.empty()) return value;
  return "unknown";
}

std::string os_name() {
  const std::string name = value_in("/etc/os-release", "PRETTY_NAME", "=");
  return name.empty() ? "unknown" : name;
}

utsname kernel() {
  utsname names{};
  ::uname(&names);
  return names;
}

int cores() { return static_cast<int>(std::thread::hardware_concurrency()); }

std::int64_t machine_memory_bytes() {
  return static_cast<std::int64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<std::int64_t>(::sysconf(_SC_PAGE_SIZE));
}

}  // namespace

std::string version() { return AUTOMASK_VERSION; }
std::string commit() { return AUTOMASK_COMMIT; }

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

core::Json build_json() {
  return {{"version", AUTOMASK_VERSION},
          {"commit", AUTOMASK_COMMIT},
          {"compiler", AUTOMASK_COMPILER},
          {"build_type", AUTOMASK_BUILD_TYPE}};
}

std::string cpu_governor() {
  std::ifstream in("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
  std::string governor;
  std::getline(in, governor);
  return governor;
}

std::int64_t available_memory_bytes(const std::filesystem::path& proc, const std::filesystem::path& groups) {
  const auto number = [](const std::string& text) { return std::strtoll(text.c_str(), nullptr, 10); };
  std::int64_t available = machine_memory_bytes() / 4;
  if (const std::string kibibytes = value_in((proc / "meminfo").c_str(), "MemAvailable", ":"); !kibibytes.empty())
    available = number(kibibytes) * 1024;
  // "0::/user.slice/job_7"
  const std::string own = value_in((proc / "self/cgroup").c_str(), "0::", "/");
  for (std::filesystem::path group = own;; group = group.parent_path()) {
    std::string limit, used;
    std::ifstream(groups / group / "memory.max") >> limit;  // a number, or "max"
    std::ifstream(groups / group / "memory.current") >> used;
    if (number(limit) > 0) available = std::min<std::int64_t>(available, std::max(number(limit) - number(used), 0LL));
    if (group.empty()) return available;
  }
}

core::Json environment_json() {
  const utsname names = kernel();
  return {{"cpu", cpu_model()},
          {"cores", cores()},
          {"memory_bytes", machine_memory_bytes()},
          {"os", os_name()},
          {"kernel", std::string(names.sysname) + " " + names.release},
          {"architecture", names.machine},
          {"governor", cpu_governor()},
          {"host", core::sha256_hex(names.nodename).substr(0, 12)},
          {"build", build_json()}};
}

core::Json host_state_json() {
  core::Json state = {{"governor", cpu_governor()}};
  double loads[3];
  if (::getloadavg(loads, 3) == 3) state["load_average"] = {loads[0], loads[1], loads[2]};
  std::error_code hidden;
  for (const auto& zone : std::filesystem::directory_iterator("/sys/class/thermal", hidden)) {
    std::ifstream type(zone.path() / "type"), in(zone.path() / "temp");
    std::string name;
    double thousandths = 0;
    if (std::getline(type, name) && in >> thousandths) state["temperature_c"][name] = thousandths / 1e3;
  }
  return state;
}

std::string environment_digest(const host::RunnerSpec& runner) {
  core::FieldHasher hasher;
  hasher.add("cpu", cpu_model()).add("cores", cores()).add("os", os_name()).add("kernel", kernel().release);
  hasher.add("runner", runner.name);
  if (runner.file == "built in")
    hasher.add("version", AUTOMASK_VERSION);
  else
    for (const std::string& word : runner.command) hasher.add("word", word);
  return hasher.hex();
}

}  // namespace automask::harness
