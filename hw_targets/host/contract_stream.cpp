// Clauses about bytes that are no frames, and about how a runner ends.
#include <utility>

#include "hw_targets/host/contract_acts.h"
#include "hw_targets/host/contract_checks.h"

namespace automask::host {

using core::Json;

namespace {

// The stream is not the protocol any more: an error with a null id at most, and an end with status 1.
std::string gives_up(const ContractCase& with, const std::string& bytes, bool close_input) {
  const Ending seen = feed(with.spec, bytes, close_input, with.spec.limits.initialize);
  if (!seen.ended)
    throw Broken("it still runs after " + std::to_string(static_cast<int>(with.spec.limits.initialize)) + " s");
  if (seen.status != 1) throw Broken("it " + seen.ending + " instead of status 1");
  if (seen.output.empty()) return "";
  protocol::FrameReader reader;
  reader.feed(seen.output.data(), seen.output.size());
  protocol::Frame frame;
  try {
    while (reader.next(frame)) {
      const Json message = protocol::parse_message(frame.bytes);
      if (message.contains("error") && message["error"].at("code") == protocol::parse_error &&
          message.value("id", Json(0)).is_null() && reader.empty())
        return protocol::printable(message["error"].at("message").get<std::string>());
    }
  } catch (const protocol::FramingError& e) {
    throw Broken(std::string("it wrote ") + e.what());
  }
  throw Broken("the last thing it wrote is not the error " + code_name(protocol::parse_error) + " with a null id");
}

}  // namespace

std::string oversized_frame(const ContractCase& with) {
  return gives_up(with, "Content-Length: 99999999999999\r\n\r\n{", false);
}

std::string malformed_frames(const ContractCase& with) {
  const std::pair<const char*, std::string> streams[] = {
      {"text that is no frame", "hello, is this thing on?\r\n\r\n"},
      {"a negative length", "Content-Length: -5\r\n\r\nhello"},
      {"JSON that ends early", "Content-Length: 16\r\n\r\n{\"jsonrpc\": \"2.0"},
      {"JSON nested 100,000 deep", "Content-Length: 100000\r\n\r\n" + std::string(100'000, '[')}};
  for (const auto& [what, bytes] : streams) {
    try {
      gives_up(with, bytes, false);
    } catch (const Broken& e) {
      throw Broken(std::string("after ") + what + " " + e.what());
    }
  }
  return "";
}

std::string truncated_frame(const ContractCase& with) {
  const std::string whole = protocol::encode_json(protocol::request(1, "initialize", {{"protocol", 1}}));
  return gives_up(with, whole.substr(0, whole.size() - 10), true);
}

std::string end_of_input(const ContractCase& with) {
  const std::string whole = protocol::encode_json(protocol::request(1, "initialize", {{"protocol", 1}}));
  const Ending seen = feed(with.spec, whole, true, with.spec.limits.initialize);
  if (!seen.ended) throw Broken("it still runs after its input has ended");
  if (seen.status != 0) throw Broken("it " + seen.ending + " instead of status 0");
  return "";
}

}  // namespace automask::host
