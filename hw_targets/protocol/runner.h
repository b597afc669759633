#pragma once
// What every C++ runner shares: the messages' order, inputs kept by hash, the timed loop, digests. A runner only
// implements Backend and calls serve(). docs/runner-protocol.md gives the fields. C++14.
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "hw_targets/protocol/server.h"

namespace automask {
namespace protocol {

// The device's side. Every function may throw Refusal; other exceptions answer internal_error.
class Backend {
 public:
  virtual ~Backend() = default;

  // "name", "serial", "toolchain", "evidence", "formats" and whatever else tells about the device.
  virtual nlohmann::json describe() = 0;
  // Takes a package's bytes; {"conditions": [names], "classes": n, "input": {"height", "width", "channels"}}.
  virtual nlohmann::json load(const std::string& package) = 0;
  // Places every condition's network; {"threads", "format", "memory_bytes", "operators", "warnings"}.
  virtual nlohmann::json prepare(const nlohmann::json& options) = 0;
  // 0 <= index < conditions; called only after prepare.
  virtual nlohmann::json select_condition(int index) = 0;
  // From now on infer() looks at each picture and picks its condition, until select_condition.
  virtual nlohmann::json select_automatically() {
    throw Refusal(unsupported, "this runner does not pick conditions by itself");
  }
  // The condition that the last infer() executed. Asked only after select_automatically().
  virtual int taken_condition() { return 0; }
  // One picture u8 [H, W, C] -> `classes` logits. Returns milliseconds from the picture in memory to the logits.
  virtual double infer(const std::uint8_t* picture, float* logits) = 0;
  virtual nlohmann::json state() = 0;  // "throttled" and whatever the device tells
  virtual nlohmann::json power() { throw Refusal(unsupported, "this runner measures no power"); }
};

// Serves `backend` until shutdown or the end of `input`; the program's exit status.
int serve(Backend& backend, int input, int output, const Sha256& sha256);

}  // namespace protocol
}  // namespace automask
