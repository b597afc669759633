#include "hw_targets/cuda/board_facts.h"

#include <glob.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>

namespace automask {
namespace cuda {
namespace {

constexpr double period_seconds = 0.01;
constexpr std::size_t most_samples = 1000000;  // hours: older ones are dropped

std::vector<std::string> matches(const std::string& pattern) {
  glob_t found = {};
  std::vector<std::string> files;
  if (::glob(pattern.c_str(), 0, nullptr, &found) == 0) files.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  ::globfree(&found);
  return files;
}

bool read_number(const std::string& file, double& value) {
  std::ifstream in(file);
  return static_cast<bool>(in >> value);
}

std::string first_line(const std::string& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// The folder of the GPU's clock: 17000000.gp10b on a TX2, others on its successors.
std::string gpu_clock_folder(const std::string& root) {
  for (const char* name : {"*gp10b*", "*gv11b*", "*ga10b*", "*gpu*"}) {
    const std::vector<std::string> found = matches(root + "/sys/class/devfreq/" + name);
    if (!found.empty()) return found.front();
  }
  return "";
}

}  // namespace

BoardFacts::BoardFacts(std::string root, std::string nvpmodel)
    : root_(std::move(root)), nvpmodel_(std::move(nvpmodel)) {
  for (const std::string& file : matches(root_ + "/sys/bus/i2c/drivers/ina3221x/*/iio:device*/in_power*_input")) {
    const auto slash = file.rfind('/');
    const std::string digits = file.substr(slash + 9, file.size() - slash - 15);  // in_power<digits>_input
    if (digits.empty() || digits.find_first_not_of("0123456789") != std::string::npos) continue;
    const std::string name = first_line(file.substr(0, slash) + "/rail_name_" + digits);
    double milliwatts = 0;
    if (!name.empty() && read_number(file, milliwatts)) rails_.push_back({name, file});
  }
  read_number(gpu_clock_folder(root_) + "/max_freq", first_gpu_limit_mhz_);
  first_gpu_limit_mhz_ /= 1e6;
}

double BoardFacts::watts() const {
  double sum = 0;
  bool any = false;
  for (const Rail& rail : rails_) {
    double milliwatts = 0;
    const bool there = read_number(rail.file, milliwatts);
    if (rail.name.find("VDD_IN") != std::string::npos) return there ? milliwatts / 1e3 : -1;
    if (!there) continue;
    sum += milliwatts / 1e3;
    any = true;
  }
  return any ? sum : -1;
}

int BoardFacts::power_mode() const {
  // "pmode:0003 fmode:fanNull", which nvpmodel keeps.
  const std::string status = first_line(root_ + "/var/lib/nvpmodel/status");
  return status.compare(0, 6, "pmode:") == 0 ? std::atoi(status.c_str() + 6) : -1;
}

nlohmann::json BoardFacts::state() const {
  nlohmann::json state = nlohmann::json::object();
  bool throttled = false;
  if (power_mode() >= 0) state["power_mode"] = power_mode();
  const std::string gpu = gpu_clock_folder(root_);
  double hertz = 0;
  if (read_number(gpu + "/cur_freq", hertz)) state["clocks_mhz"]["gpu"] = hertz / 1e6;
  if (read_number(gpu + "/max_freq", hertz)) {
    state["clocks_mhz"]["gpu_limit"] = hertz / 1e6;
    throttled = throttled || hertz / 1e6 < first_gpu_limit_mhz_;
  }
  double kilohertz = 0;
  if (read_number(root_ + "/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", kilohertz))
    state["clocks_mhz"]["cpu"] = kilohertz / 1e3;
  for (const std::string& zone : matches(root_ + "/sys/class/thermal/thermal_zone*")) {
    double thousandths = 0;
    if (!read_number(zone + "/temp", thousandths)) continue;
    state["temperature_c"][first_line(zone + "/type")] = thousandths / 1e3;
    for (const std::string& type : matches(zone + "/trip_point_*_type")) {
      double trip = 0;
      const std::string temperature = type.substr(0, type.size() - 4) + "temp";
      if (first_line(type) == "passive" && read_number(temperature, trip) && trip > 0 && thousandths >= trip)
        throttled = true;
    }
  }
  state["throttled"] = throttled;
  return state;
}

std::string BoardFacts::set_power_mode(int mode) const {
  const std::string digits = std::to_string(mode);
  const pid_t child = ::fork();
  if (child == 0) {
    // Standard output belongs to the protocol.
    ::dup2(STDERR_FILENO, STDOUT_FILENO);
    ::execlp(nvpmodel_.c_str(), nvpmodel_.c_str(), "-m", digits.c_str(), static_cast<char*>(nullptr));
    ::_exit(127);
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child) return "nvpmodel cannot be started";
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127) return "nvpmodel is not installed here";
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return "nvpmodel -m " + digits + " failed; it needs root, and the mode must be one of the board's";
  if (power_mode() != mode)
    return "nvpmodel -m " + digits + " was run, but the mode is " + std::to_string(power_mode());
  return "";
}

PowerMeter::PowerMeter(const BoardFacts& board) : board_(board) {}

PowerMeter::~PowerMeter() {
  {
    const std::lock_guard<std::mutex> lock(guard_);
    ending_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

double PowerMeter::measure_idle(double seconds) {
  const double end = seconds_now() + seconds;
  double sum = 0;
  int count = 0;
  while (true) {
    const double watts = board_.watts();
    if (watts >= 0) {
      sum += watts;
      ++count;
    }
    if (seconds_now() >= end) break;
    std::this_thread::sleep_for(std::chrono::duration<double>(period_seconds));
  }
  idle_ = count > 0 ? sum / count : 0;
  return idle_;
}

void PowerMeter::sample() {
  std::unique_lock<std::mutex> lock(guard_);
  while (!ending_) {
    lock.unlock();
    const double at = seconds_now(), watts = board_.watts();
    lock.lock();
    if (watts >= 0) taken_.emplace_back(at, std::max(watts - idle_, 0.0));
    if (taken_.size() > most_samples) taken_.erase(taken_.begin(), taken_.begin() + most_samples / 2);
    wake_.wait_for(lock, std::chrono::duration<double>(period_seconds), [this] { return ending_; });
  }
}

nlohmann::json PowerMeter::samples() {
  const std::lock_guard<std::mutex> lock(guard_);
  if (!thread_.joinable()) thread_ = std::thread([this] { sample(); });
  nlohmann::json samples = nlohmann::json::array();
  for (const auto& each : taken_) samples.push_back({each.first, each.second});
  taken_.clear();
  return samples;
}

}  // namespace cuda
}  // namespace automask
