#pragma once
// The processor as a runner's backend: FP32 by oneDNN, every condition's network placed at prepare.
#include <dnnl.hpp>
#include <memory>
#include <vector>

#include "hw_targets/cpu/network.h"
#include "hw_targets/package/package.h"
#include "hw_targets/protocol/runner.h"

namespace automask::cpu {

class CpuBackend : public protocol::Backend {
 public:
  nlohmann::json describe() override;
  nlohmann::json load(const std::string& package) override;
  // {"threads": n (0: all cores), "format": "fp32"}
  nlohmann::json prepare(const nlohmann::json& options) override;
  nlohmann::json select_condition(int index) override;
  double infer(const std::uint8_t* picture, float* logits) override;
  nlohmann::json state() override;

 private:
  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  package::Package package_;
  std::vector<std::unique_ptr<Network>> networks_;  // per condition
  Network* selected_ = nullptr;
  int threads_ = 0;
  long long throttled_before_ = 0;
};

}  // namespace automask::cpu
