#pragma once
// A model of the Jetson TX2's latency, for where there is no board: a layer takes as long as its products or its bytes,
// whichever is longer, and a fixed time. Evidence `modelled`; docs/tx2.md has the arithmetic. C++14.
#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "hw_targets/cuda/lowering.h"

namespace automask {
namespace cuda {

struct LayerCost {
  double macs = 0, bytes = 0;
};

struct Roofline {
  double macs_per_ms = 0;   // what multiply-accumulates reach
  double bytes_per_ms = 0;  // what memory reaches
  double layer_ms = 0;      // starting a kernel, and what waits for its end
};

double layer_ms(const Roofline& model, const LayerCost& cost);
double network_ms(const Roofline& model, const std::vector<LayerCost>& layers);

// Whose kernels execute the layers. `libraries`: NVIDIA's, with Winograd's algorithm, and convolutions of 1 x 1 that
// read the same value as one launch, as in TensorRT. `kernels`: this runner's own, one launch a step.
enum class Execution { libraries, kernels };

// Per launch: products as executed (roofline.cpp), weights, inputs and outputs once each.
std::vector<LayerCost> costs_of(const Program& program, Execution execution = Execution::libraries);

// Milliseconds of each step, in their order: of steps that are one launch, each its part of the products.
std::vector<double> step_ms(const Roofline& model, const Program& program, Execution execution);

// What is fitted: shares of the device's limits, in (0, 1], and the time of a launch.
struct Shares {
  double compute = 1, memory = 1, layer_ms = 0;
};

// What latencies are modelled by where nothing is measured.
struct Profile {
  Shares shares;
  Execution execution = Execution::libraries;
};
// {"schema_version": 1, "model": "tx2_roofline", "compute", "memory", "layer_ms", "execution"}
nlohmann::json to_json(const Profile& profile);
// protocol::CalibrationError names the file and the field. More fields ("sources") may stand there.
Profile profile_from_json(const nlohmann::json& json, const std::string& file);

// A network and what somebody measured of it on a TX2.
struct Published {
  bool half = false;
  std::vector<LayerCost> layers;
  double ms = 0;
};
// The shares with the least misfit: the best of a coarse grid, then ever smaller steps in all directions. A layer that
// was timed by itself is a network of one.
Shares fit(const std::vector<Published>& networks);

// The TX2's limits: 256 cores x 1.3 GHz, one fused multiply-add each (two in half), LPDDR4 of 58.3 GB/s. Source:
// NVIDIA, "Jetson TX2 Series System-on-Module Data Sheet".
Roofline tx2(bool half, const Shares& shares);
// Fitted on all of docs/tx2.md's latencies; tests/unit/cuda/roofline_test.cpp holds them to that.
constexpr double fitted_compute = 0.5422, fitted_memory = 0.2553, fitted_layer_ms = 0.0736;
inline Shares fitted_shares() { return {fitted_compute, fitted_memory, fitted_layer_ms}; }
inline Profile fitted_profile() { return {fitted_shares(), Execution::libraries}; }

}  // namespace cuda
}  // namespace automask
