#pragma once
// Times of single layers within one inference, for who asks for them.
#include <chrono>
#include <cstddef>
#include <vector>

namespace automask::cpu {

// Per layer of a network (its layers()), in milliseconds.
class Laps {
 public:
  explicit Laps(std::size_t layers) : ms(layers, 0.0) {}
  // What has passed since the last lap, or the making, was this layer's.
  void lap(std::size_t layer) {
    const auto now = std::chrono::steady_clock::now();
    ms[layer] += std::chrono::duration<double, std::milli>(now - last_).count();
    last_ = now;
  }
  std::vector<double> ms;

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

}  // namespace automask::cpu
