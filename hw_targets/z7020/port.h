#pragma once
// The engine as its host sees it: memory that both see, and a command stream to execute. One implementation simulates
// the HLS source (here), another drives a board (board_port.h). C++14.
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>

namespace automask {
namespace z7020 {

// The engine cannot be reached, or does not do what it is told: one sentence with place and remedy.
class PortError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Port {
 public:
  virtual ~Port() = default;
  // At least `words` words of DDR, kept until the next reserve(); throws PortError where there are not. They may be
  // memory that takes whole aligned words alone: words.h copies.
  virtual std::uint32_t* reserve(std::uint32_t words) = 0;
  // Executes the stream at this word address up to its `end`; how many instructions that were.
  virtual std::uint32_t run(std::uint32_t commands) = 0;
  // Whether its times are a board's. Otherwise the model's count.
  virtual bool measures() const { return false; }
  virtual std::string name() const { return "C simulation"; }
};

// The HLS source, compiled as C++ and executed here.
std::unique_ptr<Port> simulation_port();

}  // namespace z7020
}  // namespace automask
