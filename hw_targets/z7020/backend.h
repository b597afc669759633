#pragma once
// The runner's backend: packages compiled for the engine, executed through a port. C++14.
#include <memory>
#include <string>
#include <vector>

#include "hw_targets/protocol/runner.h"
#include "hw_targets/z7020/board.h"
#include "hw_targets/z7020/execute.h"
#include "hw_targets/z7020/model.h"

namespace automask {
namespace z7020 {

class Backend : public protocol::Backend {
 public:
  // Outputs are the simulation's, latencies the model's for this board: evidence `modelled`.
  Backend(Board board, std::unique_ptr<Port> port) : board_(std::move(board)), port_(std::move(port)) {}

  nlohmann::json describe() override;
  nlohmann::json load(const std::string& package) override;
  // {"format": "int8", "clock_mhz": one of the board's, the highest if absent, "threads": accepted, the engine has one}
  nlohmann::json prepare(const nlohmann::json& options) override;
  nlohmann::json select_condition(int index) override;
  double infer(const std::uint8_t* picture, float* logits) override;
  nlohmann::json state() override;

 private:
  Board board_;
  std::unique_ptr<Port> port_;
  package::Package package_;
  Image image_;
  std::unique_ptr<Executor> executor_;
  std::vector<Modelled> modelled_;  // per condition
  double mhz_ = 0;
  int selected_ = 0;
};

}  // namespace z7020
}  // namespace automask
