#include "hw_targets/host/contract_wire.h"

#include <algorithm>
#include <utility>

#include "core/hash.h"
#include "hw_targets/host/command.h"

namespace automask::host {
namespace {

using core::Json;

Clock::time_point after(double seconds) {
  return Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

const std::pair<int, const char*> names[] = {{protocol::parse_error, "parse_error"},
                                             {protocol::invalid_request, "invalid_request"},
                                             {protocol::method_not_found, "method_not_found"},
                                             {protocol::invalid_params, "invalid_params"},
                                             {protocol::internal_error, "internal_error"},
                                             {protocol::wrong_version, "wrong_version"},
                                             {protocol::bad_hash, "bad_hash"},
                                             {protocol::bad_package, "bad_package"},
                                             {protocol::out_of_memory, "out_of_memory"},
                                             {protocol::unknown_input, "unknown_input"},
                                             {protocol::not_loaded, "not_loaded"},
                                             {protocol::unsupported, "unsupported"},
                                             {protocol::cancelled, "cancelled"}};

}  // namespace

std::string code_name(int code) {
  for (const auto& [value, name] : names)
    if (value == code) return std::string(name) + " (" + std::to_string(code) + ")";
  return "code " + std::to_string(code);
}

double Wire::seconds(const std::string& method) const {
  const Limits& limits = spec_.limits;
  if (method == "initialize") return limits.initialize;
  if (method == "load") return limits.load;
  if (method == "prepare") return limits.prepare;
  return method == "run" ? limits.run_base : limits.message;
}

Json Wire::answer(const std::string& doing) {
  const protocol::Frame frame =
      channel_.receive(spec_.limits.long_answer_bytes, after(seconds(doing)), "answering " + doing);
  if (frame.binary) throw Broken("a binary frame came where an answer to " + doing + " should");
  try {
    return protocol::parse_message(frame.bytes);
  } catch (const protocol::FramingError& e) {
    throw Broken(e.what());
  }
}

void Wire::send(const std::string& bytes, const std::string& doing) {
  channel_.send(bytes, after(seconds(doing)), "answering " + doing);
}

Json Wire::ask(const std::string& method, Json params, const std::string* frame) {
  const int id = next_id();
  if (frame != nullptr) {
    const std::string hash = announced_.empty() ? core::sha256_hex(*frame) : std::exchange(announced_, "");
    params["frame"] = protocol::to_json({frame->size(), hash});
  }
  std::string bytes = protocol::encode_json(protocol::request(id, method, std::move(params)));
  if (frame != nullptr) bytes += protocol::encode_binary(*frame);
  send(bytes, method);
  Json message = answer(method);
  if (message.value("id", Json()) != id)
    throw Broken("the answer to " + method + " carries the id " + message.value("id", Json()).dump() + ", not " +
                 std::to_string(id));
  if (message.contains("result") == message.contains("error"))
    throw Broken("the answer to " + method + " has not exactly one of result and error");
  if (message.contains("result") && !message["result"].is_object())
    throw Broken("the result of " + method + " is no object");
  if (message.contains("error")) {
    const Json& error = message["error"];
    if (!error.is_object() || !error.value("code", Json()).is_number_integer() ||
        !error.value("message", Json()).is_string() || error["message"].get<std::string>().empty())
      throw Broken("the error of " + method + " has no whole-number code and no sentence as its message");
  }
  return message;
}

Json Wire::result(const std::string& method, Json params, const std::string* frame) {
  Json message = ask(method, std::move(params), frame);
  if (message.contains("error"))
    throw Broken(method + " was refused: " + protocol::printable(message["error"]["message"].get<std::string>()) +
                 ", " + code_name(message["error"]["code"].get<int>()));
  return std::move(message["result"]);
}

std::string Wire::refused(const std::vector<int>& codes, const std::string& method, Json params,
                          const std::string* frame) {
  const Json message = ask(method, std::move(params), frame);
  std::string wanted;
  for (const int code : codes) wanted += (wanted.empty() ? "" : " or ") + code_name(code);
  if (message.contains("result")) throw Broken(method + " was answered with a result instead of the error " + wanted);
  const int code = message["error"]["code"].get<int>();
  if (std::find(codes.begin(), codes.end(), code) == codes.end())
    throw Broken(method + " was refused with " + code_name(code) + " instead of " + wanted);
  return protocol::printable(message["error"]["message"].get<std::string>());
}

std::string Wire::binary(const std::string& method, const Json& result) {
  protocol::Announcement announced;
  try {
    announced = protocol::announcement_from_json(result.value("frame", Json()));
  } catch (const protocol::FramingError& e) {
    throw Broken("the result of " + method + ": " + e.what());
  }
  protocol::Frame frame =
      channel_.receive(spec_.limits.frame_bytes, after(spec_.limits.message), "sending the frame of " + method);
  if (!frame.binary) throw Broken("JSON came where the binary frame of " + method + " should");
  if (frame.bytes.size() != announced.size || core::sha256_hex(frame.bytes) != announced.sha256)
    throw Broken("the binary frame of " + method + " is not the one announced");
  return std::move(frame.bytes);
}

void Wire::shutdown() {
  const auto deadline = after(spec_.limits.shutdown);
  result("shutdown", Json::object());
  channel_.finish(deadline);
}

Ending feed(const RunnerSpec& spec, const std::string& bytes, bool close_input, double limit) {
  Process process(command_words(spec));
  const auto deadline = after(limit);
  Ending seen;
  std::string_view left = bytes;
  while (Clock::now() < deadline) {
    const Process::Moved moved = process.move(left, std::min(deadline, Clock::now() + std::chrono::milliseconds(20)));
    left.remove_prefix(moved.written);
    seen.output += moved.read;
    if (left.empty() && close_input) process.close_input();
    if (moved.input_closed && !close_input) left = {};
    if (moved.output_closed) break;
  }
  seen.ended = process.wait(deadline);
  seen.status = process.exit_status();
  seen.ending = process.ending();
  seen.log = process.log().last_line();
  return seen;
}

}  // namespace automask::host
