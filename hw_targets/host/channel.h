#pragma once
// Frames to and from one runner process, each within a deadline; every way to fail becomes a RunnerFailure.
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "hw_targets/host/host.h"
#include "hw_targets/host/process.h"
#include "hw_targets/protocol/protocol.h"

namespace automask::host {

class Channel {
 public:
  explicit Channel(const RunnerSpec& spec);  // starts the runner

  // `doing` names the message, for sentences: "answering run".
  // False when the runner stopped taking bytes, or answered, before all was sent: receive() tells what it said.
  bool send(std::string_view bytes, Clock::time_point deadline, const std::string& doing);
  // `interject`, asked several times a second, gives bytes to send while the answer is awaited, or none.
  protocol::Frame receive(std::size_t limit, Clock::time_point deadline, const std::string& doing,
                          const std::function<std::string()>& interject = {});

  void finish(Clock::time_point deadline);  // after shutdown: closes its input, waits for a clean exit
  [[noreturn]] void fail(FailureKind kind, const std::string& problem);
  std::string log_tail();

 private:
  void still_good() const;  // throws the first failure again
  [[noreturn]] void refuse_start(const std::string& problem, const std::string& remedy);
  void unreachable(int status);  // throws where the status is that of an ssh that reached nothing
  [[noreturn]] void died(const std::string& doing);
  bool next(protocol::Frame& frame, const std::string& doing);

  RunnerSpec spec_;
  std::unique_ptr<Process> process_;
  protocol::FrameReader reader_;
  bool heard_ = false;  // a whole frame has come
  std::optional<RunnerFailure> failure_;
  std::optional<protocol::Frame> early_;  // an answer that came while sending
};

}  // namespace automask::host
