#pragma once
// The engine as its host sees it: memory that both see, and a command stream to execute. One implementation simulates
// the HLS source, another drives a board. C++14.
#include <cstdint>
#include <memory>
#include <string>

namespace automask {
namespace z7020 {

class Port {
 public:
  virtual ~Port() = default;
  // At least `words` words of DDR, kept until the next reserve(); throws std::runtime_error where there are not.
  virtual std::uint32_t* reserve(std::uint32_t words) = 0;
  // Executes the stream at this word address up to its `end`.
  virtual void run(std::uint32_t commands) = 0;
};

// The HLS source, compiled as C++ and executed here.
std::unique_ptr<Port> simulation_port();

}  // namespace z7020
}  // namespace automask
