#pragma once
// Power from a sensor of Linux's hwmon (powerN_input, microwatts). Neither the ZedBoard nor the PYNQ-Z2 has one on
// board; an INA219 or INA226 in the supply line gives one. C++14.
#include <nlohmann/json.hpp>
#include <string>

namespace automask {
namespace z7020 {

class PowerFile {
 public:
  // Empty: no sensor. Throws PortError where the file cannot be read.
  explicit PowerFile(const std::string& file);
  bool there() const { return !file_.empty(); }
  // Takes a sample unless the last one is younger than 20 ms.
  void look();
  // [[seconds, watts], ...] since the last call, the latest of now.
  nlohmann::json take();

 private:
  void sample(double seconds);
  std::string file_;
  double last_ = -1;
  nlohmann::json samples_ = nlohmann::json::array();
};

}  // namespace z7020
}  // namespace automask
