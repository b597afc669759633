#pragma once
// The runner's backend: packages compiled for the engine, executed through a port. C++14.
#include <memory>
#include <string>
#include <vector>

#include "hw_targets/protocol/runner.h"
#include "hw_targets/z7020/board.h"
#include "hw_targets/z7020/execute.h"
#include "hw_targets/z7020/model.h"
#include "hw_targets/z7020/power_file.h"

namespace automask {
namespace z7020 {

struct BackendOptions {
  double clock_mhz = 0;    // that a board's bitstream runs at; 0: any of the profile's, as the simulation may
  std::string power_file;  // of a board's sensor; empty: power is not measured
};

class Backend : public protocol::Backend {
 public:
  // Evidence `measured`: outputs and latencies of the board behind the port. `modelled`: outputs of the simulation,
  // latencies that the model counts for this board. Throws PortError where the sensor cannot be read.
  Backend(Board board, std::unique_ptr<Port> port, BackendOptions options = {});

  nlohmann::json describe() override;
  nlohmann::json load(const std::string& package) override;
  // {"format": "int8", "clock_mhz": one of the board's, the highest if absent, "layers_apart": each layer a stream of
  // its own, which state() then times, "threads": accepted, the engine has one}
  nlohmann::json prepare(const nlohmann::json& options) override;
  nlohmann::json select_condition(int index) override;
  double infer(const std::uint8_t* picture, float* logits) override;
  nlohmann::json state() override;
  nlohmann::json power() override;

 private:
  nlohmann::json layer_times() const;

  Board board_;
  std::unique_ptr<Port> port_;
  BackendOptions options_;
  PowerFile power_;
  package::Package package_;
  Image image_;
  std::unique_ptr<Executor> executor_;
  std::vector<Modelled> modelled_;  // per condition
  double mhz_ = 0;
  int selected_ = 0;
  bool apart_ = false;
  std::vector<std::vector<double>> layer_ms_;  // of the selected condition: per layer the times of each run
};

}  // namespace z7020
}  // namespace automask
