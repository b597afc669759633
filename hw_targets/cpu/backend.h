#pragma once
// The processor as a runner's backend: FP32 by oneDNN, INT8 by its own kernels; every condition's network placed at
// prepare. FP16 packages are FP32 ones of half the bytes: x86 processors store such numbers but don't multiply them, so
// weights are widened at load.
#include <dnnl.hpp>
#include <filesystem>
#include <memory>
#include <vector>

#include "hw_targets/cpu/energy.h"
#include "hw_targets/cpu/integer_network.h"
#include "hw_targets/cpu/network.h"
#include "hw_targets/package/package.h"
#include "hw_targets/protocol/runner.h"

namespace automask::cpu {

class CpuBackend : public protocol::Backend {
 public:
  // Energy from below `powercap`.
  explicit CpuBackend(const std::filesystem::path& powercap = "/sys/class/powercap");

  nlohmann::json describe() override;
  nlohmann::json load(const std::string& package) override;
  // {"threads": n (0: all cores), "format": the package's, which is what a missing one means, "layers_apart": true
  // times each layer, too: state() has the medians since select_condition under "measured"}
  nlohmann::json prepare(const nlohmann::json& options) override;
  nlohmann::json select_condition(int index) override;
  nlohmann::json select_automatically() override;
  int taken_condition() override { return static_cast<int>(selected_); }
  double infer(const std::uint8_t* picture, float* logits) override;
  nlohmann::json state() override;
  nlohmann::json power() override;

 private:
  const std::vector<std::string>& layers() const;  // of the selected network

  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  package::Package package_;
  std::vector<std::unique_ptr<Network>> networks_;                 // per condition of an FP32 or FP16 package
  std::vector<std::unique_ptr<IntegerNetwork>> integer_networks_;  // of an INT8 package
  std::size_t selected_ = 0;
  bool automatic_ = false;  // the estimator selects, picture by picture
  bool apart_ = false;
  std::vector<std::vector<double>> layer_ms_;  // per layer of the selected network, of each inference
  int threads_ = 0;
  long long throttled_before_ = 0;
  EnergyMeter energy_;
};

}  // namespace automask::cpu
