#include <vector>

#include "hw_targets/z7020/hls/units.h"
#include "hw_targets/z7020/port.h"

namespace automask {
namespace z7020 {
namespace {

class SimulationPort : public Port {
 public:
  std::uint32_t* reserve(std::uint32_t words) override {
    memory_.assign(words, 0);
    return memory_.data();
  }
  std::uint32_t run(std::uint32_t commands) override {
    return hls::engine(hls::masters(memory_.data()), commands, *buffers_);
  }

 private:
  std::vector<std::uint32_t> memory_;
  std::unique_ptr<hls::Buffers> buffers_ = std::make_unique<hls::Buffers>();
};

}  // namespace

std::unique_ptr<Port> simulation_port() { return std::make_unique<SimulationPort>(); }

}  // namespace z7020
}  // namespace automask
