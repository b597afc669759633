#pragma once
// A package on a device: the union's weights stay there; a switch of conditions gathers the kept channels' weights from
// them, on the device. C++14.
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "hw_targets/cuda/choice.h"
#include "hw_targets/cuda/device.h"
#include "hw_targets/cuda/lowering.h"

namespace automask {
namespace cuda {

class Network {
 public:
  // Places every condition. Throws DeviceError: out_of_memory before anything is allocated where it can be foreseen.
  Network(Device& device, const package::Package& package, bool tune);

  // Bytes that the switch moves within the device's memory; 0 when the condition is selected already.
  std::size_t select(int condition);
  int selected() const { return selected_; }
  // Copies a picture u8 [H, W, C] to the device, which no latency includes.
  void put(const std::uint8_t* picture);
  // From the picture on the device to its logits there; returns when they are there.
  void run();
  // The same, each step by itself and timed by the device's clock: milliseconds in the order of program().steps.
  std::vector<double> run_apart();
  void logits(float* to);

  nlohmann::json placement(int condition) const;  // [{"name", "op", "placement", "candidates"}]
  std::size_t memory_bytes() const { return memory_bytes_; }
  const std::vector<std::string>& warnings() const { return warnings_; }
  const Program& program(int condition) const { return conditions_[static_cast<std::size_t>(condition)].program; }
  // Bytes that select() moves from and to memory, lists included.
  std::size_t switch_bytes(int condition) const {
    return conditions_[static_cast<std::size_t>(condition)].switch_bytes;
  }

 private:
  struct Launch {
    Kernel* kernel;
    Grid grid;
    std::vector<Address> arguments;
  };
  struct Placed {
    Program program;
    std::vector<Candidate> chosen;  // per step
    std::vector<Launch> launches;
    std::unique_ptr<Recording> recording;  // the launches as one, where the driver can
    std::size_t switch_bytes = 0;
    Memory jobs, blocks;
    unsigned block_count = 0;
  };

  // Where a layer's weights lie, by node of the union and condition; a layer that conditions share has condition -1.
  using Weights = std::map<std::pair<int, int>, Address>;
  static std::pair<int, int> place_of(const package::Package& package, int layer, std::size_t condition);
  void lay_out(const package::Package& package);
  void upload_weights(const package::Package& package);
  void choose(Placed& placed, Chooser& chooser, const package::Package& package);
  void place(std::size_t condition, const package::Package& package);
  void record(Placed& placed);
  Address keep(Memory memory);
  void check_memory(const package::Package& package) const;
  std::size_t value_bytes() const { return half_ ? 2 : 4; }

  Device& device_;
  bool half_;
  graph::Shape input_;
  std::vector<Placed> conditions_;
  std::vector<Memory> memory_;
  std::vector<WeightLayout> layouts_;  // per node of the union
  Weights weights_;                    // in the layer's layout
  Weights rows_;                       // [out, in, window], where a library reads them so
  std::vector<Address> packed_;        // per node of the union: where the selected condition's weights lie
  Address picture_ = 0, table_ = 0, arena_ = 0, logits_ = 0;
  Kernel* repack_ = nullptr;
  int selected_ = -1, classes_ = 0;
  std::size_t memory_bytes_ = 0;
  std::set<const Kernel*> counted_;  // whose workspace is in memory_bytes_
  std::vector<std::string> warnings_;
};

// The scaled value of every level of every channel, [C][256], as the picture kernel reads it.
std::vector<float> level_table(const package::Package& package);

}  // namespace cuda
}  // namespace automask
