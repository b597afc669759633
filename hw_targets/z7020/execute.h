#pragma once
// Executes an image's programs through a port: the board's program, whatever the port. C++14.
#include <cstdint>
#include <vector>

#include "hw_targets/z7020/compile.h"
#include "hw_targets/z7020/port.h"

namespace automask {
namespace z7020 {

class Executor {
 public:
  // Both outlive this. Checks the streams (StreamError), reserves memory (PortError) and copies the image into the
  // port's memory.
  Executor(const Image& image, Port& port);
  // One picture u8 [H, W, C] -> logits.
  void run(int condition, const std::uint8_t* picture, float* logits);
  // The output's values [C, H, W], before they are scaled.
  std::vector<std::int32_t> values(int condition, const std::uint8_t* picture);
  // What each of the program's segments took in the last run, by this machine's clock.
  const std::vector<double>& segment_ms() const { return segment_ms_; }

 private:
  const Image& image_;
  Port& port_;
  std::uint32_t* memory_;
  std::vector<double> segment_ms_;
};

}  // namespace z7020
}  // namespace automask
