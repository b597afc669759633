#include "hw_targets/cpu/device.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "hw_targets/package/sha256.h"

namespace automask::cpu {
namespace {

namespace fs = std::filesystem;

std::string first_line(const fs::path& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

// Calls `use` with the folder of each core, /sys/devices/system/cpu/cpu<N>.
template <class Use>
void for_each_core(Use use) {
  std::error_code hidden;
  for (const auto& entry : fs::directory_iterator("/sys/devices/system/cpu", hidden)) {
    const std::string name = entry.path().filename();
    if (name.size() > 3 && name.compare(0, 3, "cpu") == 0 &&
        name.find_first_not_of("0123456789", 3) == std::string::npos)
      use(entry.path());
  }
}

}  // namespace

std::string processor_name() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    const auto colon = line.find(": ");
    // "model name" on x86, "Model" on Arm boards.
    if (colon != std::string::npos && (line.compare(0, 10, "model name") == 0 || line.compare(0, 5, "Model") == 0))
      return line.substr(colon + 2);
  }
  return "unknown processor";
}

std::string serial() {
  const std::string id = first_line("/etc/machine-id");
  return id.empty() ? "" : package::sha256_hex("automask " + id).substr(0, 12);
}

int available_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof set, &set) == 0 ? std::max(CPU_COUNT(&set), 1) : 1;
}

double memory_bytes() {
  return static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGE_SIZE));
}

long long throttle_events() {
  long long events = 0;
  for_each_core([&](const fs::path& core) {
    std::ifstream in(core / "thermal_throttle/core_throttle_count");
    long long count = 0;
    if (in >> count) events += count;
  });
  return events;
}

nlohmann::json device_state() {
  nlohmann::json state = nlohmann::json::object();
  const fs::path first = "/sys/devices/system/cpu/cpu0/cpufreq";
  const std::string governor = first_line(first / "scaling_governor");
  if (!governor.empty()) state["governor"] = governor;
  nlohmann::json clocks = nlohmann::json::array();
  for_each_core([&](const fs::path& core) {
    std::ifstream in(core / "cpufreq/scaling_cur_freq");
    double kilohertz = 0;
    if (in >> kilohertz) clocks.push_back(kilohertz / 1e3);
  });
  if (!clocks.empty()) state["clocks_mhz"] = clocks;
  std::error_code hidden;
  for (const auto& zone : fs::directory_iterator("/sys/class/thermal", hidden)) {
    std::ifstream in(zone.path() / "temp");
    double thousandths = 0;
    if (in >> thousandths) state["temperature_c"][first_line(zone.path() / "type")] = thousandths / 1e3;
  }
  std::ifstream load("/proc/loadavg");
  double minute = 0;
  if (load >> minute) state["load"] = minute;
  return state;
}

}  // namespace automask::cpu
