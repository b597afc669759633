#pragma once
// The runner's end of the wire, for runners written in C++: reads frames, dispatches, answers. POSIX, C++14.
#include <deque>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "hw_targets/protocol/protocol.h"

namespace automask {
namespace protocol {

// What a handler throws to answer with a JSON-RPC error; the sentence reaches the user.
class Refusal : public std::runtime_error {
 public:
  Refusal(int code, const std::string& sentence) : std::runtime_error(sentence), code_(code) {}
  int code() const { return code_; }

 private:
  int code_;
};

// A result, and the binary frame that follows it, if any; the server adds result.frame.
struct Answer {
  nlohmann::json result;
  bool has_frame = false;
  std::string frame;
};

// SHA-256 as 64 lower-case hex digits; a parameter, since boards and hosts have different libraries.
using Sha256 = std::function<std::string(const std::string&)>;
// `frame` holds the binary frame that params.frame announced, its hash checked; else it is empty.
using Handler = std::function<Answer(const nlohmann::json& params, const std::string& frame)>;

class Server {
 public:
  Server(int input, int output, Sha256 sha256) : input_(input), output_(output), sha256_(std::move(sha256)) {}
  void on(const std::string& method, Handler handler) { handlers_[method] = std::move(handler); }
  // Answers until `shutdown` or the end of the input; the program's exit status: 0, or 1 when the input is not the
  // protocol. Exceptions of handlers become error answers.
  int serve();
  // For handlers that take long: has a $/cancel for the message at work come meanwhile? Looks without waiting; what
  // else came keeps its turn. Throws FramingError, which a handler lets pass.
  bool cancelled();

 private:
  bool read_frame(Frame& frame);  // false at the end of the input
  bool write(const std::string& bytes);
  Answer dispatch(const nlohmann::json& message, const std::string& method);

  int input_, output_;
  Sha256 sha256_;
  FrameReader reader_;
  std::deque<Frame> waiting_;  // came while a handler was at work
  nlohmann::json current_id_;  // of the message at work
  std::map<std::string, Handler> handlers_;
};

// Standard output belongs to the protocol. Returns a descriptor of its own for it and lets whatever libraries print
// go to the log (standard error) instead. Call first in main.
int claim_standard_output();

}  // namespace protocol
}  // namespace automask
