#pragma once
// The contract test's end of the wire: sends what the host never would, and says what was wrong with the answer.
// Inside this room only.
#include <stdexcept>
#include <string>
#include <vector>

#include "core/json.h"
#include "hw_targets/host/channel.h"

namespace automask::host {

// A clause that was not kept: what was seen.
class Broken : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Wire {
 public:
  explicit Wire(const RunnerSpec& spec) : spec_(spec), channel_(spec) {}

  // The whole answer, with `result` or `error`. Throws Broken or RunnerFailure on anything else.
  core::Json ask(const std::string& method, core::Json params, const std::string* frame = nullptr);
  core::Json result(const std::string& method, core::Json params, const std::string* frame = nullptr);  // no error
  // Demands one of these errors; returns its sentence.
  std::string refused(const std::vector<int>& codes, const std::string& method, core::Json params,
                      const std::string* frame = nullptr);
  std::string binary(const std::string& method, const core::Json& result);  // the frame it announces, checked
  void send(const std::string& bytes, const std::string& doing);
  core::Json answer(const std::string& doing);  // the next JSON frame, whatever it is
  void shutdown();
  int next_id() { return ++id_; }
  // sha256 announced with the next frame in place of its own.
  void announce(std::string sha256) { announced_ = std::move(sha256); }

 private:
  double seconds(const std::string& method) const;

  RunnerSpec spec_;
  Channel channel_;
  int id_ = 0;
  std::string announced_;
};

std::string code_name(int code);  // "bad_hash (-32002)"

// Starts the runner, writes `bytes`, and closes its input if told; what it wrote until it ended.
struct Ending {
  bool ended = false;  // within `limit` seconds
  int status = -1;
  std::string output, ending, log;  // ending: "exited with status 1"
};
Ending feed(const RunnerSpec& spec, const std::string& bytes, bool close_input, double limit);

}  // namespace automask::host
