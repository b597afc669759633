#include "hw_targets/cpu/energy.h"

#include <algorithm>
#include <fstream>
#include <utility>

#include "hw_targets/protocol/server.h"

namespace automask::cpu {
namespace {

namespace fs = std::filesystem;

template <class Value>
bool read(const fs::path& file, Value& value) {
  std::ifstream in(file);
  return static_cast<bool>(in >> value);
}

// intel-rapl:0, but not its parts, intel-rapl:0:0, whose energy it contains.
bool is_domain(const std::string& folder) {
  const std::string prefix = "intel-rapl:";
  return folder.size() > prefix.size() && folder.compare(0, prefix.size(), prefix) == 0 &&
         folder.find_first_not_of("0123456789", prefix.size()) == std::string::npos;
}

}  // namespace

EnergyMeter::EnergyMeter(const fs::path& powercap, Clock clock) : clock_(std::move(clock)) {
  std::error_code hidden;
  for (const auto& entry : fs::directory_iterator(powercap, hidden)) {
    Domain domain;
    domain.counter = entry.path() / "energy_uj";
    // Others measure the machine (psys) or memory.
    if (is_domain(entry.path().filename()) && read(entry.path() / "name", domain.name) &&
        domain.name.compare(0, 8, "package-") == 0 && read(entry.path() / "max_energy_range_uj", domain.range) &&
        read(domain.counter, domain.last))
      domains_.push_back(std::move(domain));
  }
  std::sort(domains_.begin(), domains_.end(), [](const Domain& a, const Domain& b) { return a.name < b.name; });
}

std::vector<std::string> EnergyMeter::domains() const {
  std::vector<std::string> names;
  for (const Domain& domain : domains_) names.push_back(domain.name);
  return names;
}

nlohmann::json EnergyMeter::samples() {
  if (domains_.empty())
    throw protocol::Refusal(protocol::unsupported,
                            "this processor's energy (RAPL below /sys/class/powercap) is not there or not readable");
  double microjoules = 0;
  for (Domain& domain : domains_) {
    std::uint64_t now = 0;
    if (!read(domain.counter, now))
      throw protocol::Refusal(protocol::unsupported, domain.counter.string() + " cannot be read any more");
    // As unsigned numbers: from the last value to the end of the range, and what came after it.
    microjoules += static_cast<double>(now >= domain.last ? now - domain.last : domain.range - domain.last + now);
    domain.last = now;
  }
  const double seconds = clock_(), elapsed = seconds - last_seconds_;
  nlohmann::json samples = nlohmann::json::array();
  if (started_ && elapsed > 0) {
    const double watts = microjoules / 1e6 / elapsed;
    samples = {{last_seconds_, watts}, {seconds, watts}};
  }
  last_seconds_ = seconds;
  started_ = true;
  return samples;
}

}  // namespace automask::cpu
