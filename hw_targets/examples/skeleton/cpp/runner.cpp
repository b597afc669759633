// The runner @NAME@: fill in what stands beside TODO, then `automask runners check -- build/@NAME@`. C++14.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "hw_targets/package/package.h"
#include "hw_targets/package/sha256.h"
#include "hw_targets/protocol/runner.h"

namespace {

using namespace automask;
using nlohmann::json;

constexpr double memory_bytes = 4e9;  // TODO: the device's

class Device : public protocol::Backend {
 public:
  json describe() override {
    // TODO: what your device is; evidence is measured, rtl_simulated or modelled.
    return {{"name", "@NAME@"},
            {"serial", ""},
            {"toolchain", std::string("C++ ") + __VERSION__},
            {"evidence", "measured"},
            {"formats", json::array({"fp32"})}};
  }

  json load(const std::string& bytes) override {
    try {
      package_ = package::decode(bytes, "package");
    } catch (const package::PackageError& e) {
      throw protocol::Refusal(protocol::bad_package, e.what());
    }
    json conditions = json::array();
    for (const package::Condition& condition : package_.conditions) conditions.push_back(condition.name);
    const graph::Shape input = package_.graph.input;
    return {{"conditions", conditions},
            {"classes", package_.classes.size()},
            {"input", {{"height", input.height}, {"width", input.width}, {"channels", input.channels}}}};
  }

  json prepare(const json& options) override {
    for (const auto& option : options.items())
      if (option.key() != "threads" && option.key() != "format")
        throw protocol::Refusal(protocol::invalid_params, "no option " + option.key());
    if (options.value("format", "fp32") != "fp32") throw protocol::Refusal(protocol::unsupported, "fp32 only");
    if (4.0 * static_cast<double>(graph::peak_activation_values(package_.graph)) > memory_bytes)
      throw protocol::Refusal(protocol::out_of_memory, "its activations are more than the device's memory");
    networks_.clear();
    // TODO: bring every condition's network onto the device: masks are applied, normalisation is folded.
    for (std::size_t k = 0; k < package_.conditions.size(); ++k)
      networks_.push_back(package::materialise(package_, static_cast<int>(k)));
    return {{"threads", std::max(options.value("threads", 0), 1)}, {"format", "fp32"}};
  }

  json select_condition(int index) override {
    current_ = &networks_[static_cast<std::size_t>(index)];  // TODO: without loading anything anew
    return json::object();
  }

  double infer(const std::uint8_t* picture, float* logits) override {
    const auto begun = std::chrono::steady_clock::now();
    // TODO: execute *current_ on the u8 [height, width, channels] picture, no softmax. The network's input is
    // (x / 255 - package_.input_mean[c]) / package_.input_deviation[c].
    (void)picture;
    std::fill(logits, logits + package_.classes.size(), 0.0f);
    return std::max(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count(), 1e-4);
  }

  json state() override { return {{"throttled", false}}; }  // TODO: ask the device; add power mode, clocks, temperature

 private:
  package::Package package_;
  std::vector<package::PlainNetwork> networks_;
  const package::PlainNetwork* current_ = nullptr;
};

}  // namespace

int main() {
  const int output = protocol::claim_standard_output();
  Device device;
  return protocol::serve(device, STDIN_FILENO, output,
                         [](const std::string& bytes) { return package::sha256_hex(bytes); });
}
