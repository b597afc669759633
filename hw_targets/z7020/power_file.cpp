#include "hw_targets/z7020/power_file.h"

#include <chrono>
#include <fstream>
#include <utility>

#include "hw_targets/z7020/port.h"

namespace automask {
namespace z7020 {
namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

}  // namespace

PowerFile::PowerFile(const std::string& file) : file_(file) {
  if (there()) sample(now());
}

void PowerFile::look() {
  if (there() && now() - last_ > 0.02) sample(now());
}

nlohmann::json PowerFile::take() {
  if (now() > last_) sample(now());
  return std::exchange(samples_, nlohmann::json::array());
}

void PowerFile::sample(double seconds) {
  std::ifstream in(file_);
  double microwatts = -1;
  in >> microwatts;
  if (!in || microwatts < 0)
    throw PortError(file_ + ": holds no power; name a sensor's power1_input of /sys/class/hwmon");
  samples_.push_back({seconds, microwatts / 1e6});
  last_ = seconds;
}

}  // namespace z7020
}  // namespace automask
