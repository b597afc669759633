#pragma once
// What a Jetson tells about itself through Linux: power rails, power mode, clocks, temperatures. Elsewhere most of it
// is absent, and then left out. POSIX, C++14.
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace automask {
namespace cuda {

// One measured supply of an INA3221: /sys/bus/i2c/drivers/ina3221x/<i2c>/iio:device<n>/in_power<k>_input, in mW, named
// by rail_name_<k> beside it.
struct Rail {
  std::string name, file;
};

class BoardFacts {
 public:
  // `root`: "" for this machine, another folder for tests. `nvpmodel`: the program that sets power modes.
  explicit BoardFacts(std::string root = "", std::string nvpmodel = "nvpmodel");

  const std::vector<Rail>& rails() const { return rails_; }
  // Watts of the whole module: the rail VDD_IN, else all rails together; negative where none can be read.
  double watts() const;

  // {"power_mode", "clocks_mhz": {...}, "temperature_c": {...}, "throttled"}: what is there. Throttled: a zone is at or
  // above a passive trip point, or the GPU's highest clock is lower than when this object was made.
  nlohmann::json state() const;
  int power_mode() const;  // of nvpmodel; -1: it isn't there
  // Runs "nvpmodel -m MODE" and looks whether it took. Returns what is wrong, empty: nothing.
  std::string set_power_mode(int mode) const;

 private:
  std::string root_, nvpmodel_;
  std::vector<Rail> rails_;
  double first_gpu_limit_mhz_ = 0;
};

// Samples the board's power in a thread of its own, 100 times a second, from the first call of samples() on.
class PowerMeter {
 public:
  explicit PowerMeter(const BoardFacts& board);
  ~PowerMeter();
  PowerMeter(const PowerMeter&) = delete;
  PowerMeter& operator=(const PowerMeter&) = delete;

  // Mean watts over so many seconds in which the caller does nothing; what samples() are counted above.
  double measure_idle(double seconds);
  double idle_watts() const { return idle_; }
  // [[seconds, watts above idle], ...] since the last call; watts are at least 0.
  nlohmann::json samples();

 private:
  void sample();

  const BoardFacts& board_;
  double idle_ = 0;
  std::mutex guard_;
  std::condition_variable wake_;
  bool ending_ = false;
  std::vector<std::pair<double, double>> taken_;
  std::thread thread_;
};

}  // namespace cuda
}  // namespace automask
