#pragma once
// A GPU as a runner's backend. On a device that measures nothing (the launch shim) latencies are the TX2 model's, under
// the evidence `modelled`. C++14.
#include <functional>
#include <memory>
#include <string>

#include "hw_targets/cuda/board_facts.h"
#include "hw_targets/cuda/device.h"
#include "hw_targets/cuda/network.h"
#include "hw_targets/cuda/roofline.h"
#include "hw_targets/protocol/runner.h"

namespace automask {
namespace cuda {

class Backend : public protocol::Backend {
 public:
  using OpenDevice = std::function<std::unique_ptr<Device>()>;
  // The device is opened at `initialize`, so that what is missing becomes that message's answer.
  // `model`: latencies where the device measures none.
  explicit Backend(OpenDevice open, BoardFacts board = BoardFacts(), const Profile& model = fitted_profile())
      : open_(std::move(open)), board_(std::move(board)), power_(board_), model_(model) {}

  nlohmann::json describe() override;
  nlohmann::json load(const std::string& package) override;
  // {"threads": accepted, a GPU has its own, "format": the package's, "tune": false takes kernels without timing them,
  // "power_mode": nvpmodel's number, set only where it is asked for, "layers_apart": true times each layer by itself,
  // for `runners calibrate`: state() has them}
  nlohmann::json prepare(const nlohmann::json& options) override;
  nlohmann::json select_condition(int index) override;
  nlohmann::json select_automatically() override;
  int taken_condition() override { return network_->selected(); }
  double infer(const std::uint8_t* picture, float* logits) override;
  nlohmann::json state() override;
  // Above the idle power that prepare() measured.
  nlohmann::json power() override;

 private:
  OpenDevice open_;
  BoardFacts board_;
  PowerMeter power_;
  std::unique_ptr<Device> device_;
  package::Package package_;
  std::unique_ptr<Network> network_;
  Profile model_;
  std::vector<double> modelled_;  // ms per condition; empty where the device measures
  std::vector<double> modelled_switch_;
  bool automatic_ = false, apart_ = false;
  std::vector<std::vector<double>> layer_ms_;  // of the selected condition: per step the times of each run
};

}  // namespace cuda
}  // namespace automask
