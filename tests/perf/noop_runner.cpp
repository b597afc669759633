// A runner whose network does nothing: what is left of a run's time is the protocol's. For protocol_bench.
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "hw_targets/package/package.h"
#include "hw_targets/package/sha256.h"
#include "hw_targets/protocol/runner.h"

namespace {

using namespace automask;
using nlohmann::json;

class Noop : public protocol::Backend {
 public:
  json describe() override {
    return {{"name", "no device"},
            {"serial", ""},
            {"toolchain", "none"},
            {"evidence", "measured"},
            {"formats", json::array({"fp32"})}};
  }
  json load(const std::string& bytes) override {
    const package::Package package = package::decode(bytes, "package");
    classes_ = package.classes.size();
    const graph::Shape input = package.graph.input;
    return {{"conditions", json::array({"*"})},
            {"classes", classes_},
            {"input", {{"height", input.height}, {"width", input.width}, {"channels", input.channels}}}};
  }
  json prepare(const json&) override { return {{"threads", 1}, {"format", "fp32"}}; }
  json select_condition(int) override { return json::object(); }
  double infer(const std::uint8_t* picture, float* logits) override {
    const auto begun = std::chrono::steady_clock::now();
    std::fill(logits, logits + classes_, static_cast<float>(picture[0]));
    return std::max(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count(), 1e-6);
  }
  json state() override { return {{"throttled", false}}; }

 private:
  std::size_t classes_ = 0;
};

}  // namespace

int main() {
  const int output = protocol::claim_standard_output();
  Noop runner;
  return protocol::serve(runner, STDIN_FILENO, output,
                         [](const std::string& bytes) { return package::sha256_hex(bytes); });
}
