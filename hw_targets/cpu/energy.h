#pragma once
// What the processor's own meter (RAPL, Linux' powercap tree) tells: the energy of the whole packages, idle cores and
// caches included, without memory and the rest of the machine.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace automask::cpu {

// The tree's format: Documentation/power/powercap/powercap.rst of Linux. Domains of packages are folders
// intel-rapl:<N>, on AMD's processors, too, whose `name` is package-<N>; `energy_uj` counts microjoules and starts over
// behind `max_energy_range_uj`. Kernels since 5.10 let only root read it.
class EnergyMeter {
 public:
  using Clock = std::function<double()>;  // seconds, never backwards

  EnergyMeter(const std::filesystem::path& powercap, Clock clock);

  // Names of the packages that can be read, in order; empty: there is no meter.
  std::vector<std::string> domains() const;

  // [[seconds, watts], [seconds, watts]]: the mean power of all packages since the last call, at its time and at this
  // one's; empty at the first call, and when no time has passed. Throws protocol::Refusal(unsupported) without a meter,
  // or when one that was there can't be read any more. A counter that starts over more than once between two calls
  // (hours at usual ranges) cannot be told from one that did once.
  nlohmann::json samples();

 private:
  struct Domain {
    std::string name;
    std::filesystem::path counter;
    std::uint64_t range = 0, last = 0;  // microjoules
  };
  Clock clock_;
  std::vector<Domain> domains_;
  double last_seconds_ = 0;
  bool started_ = false;
};

}  // namespace automask::cpu
