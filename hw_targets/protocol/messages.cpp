#include "hw_targets/protocol/protocol.h"

namespace automask {
namespace protocol {
namespace {

constexpr int depth_limit = 64;

bool is_hash(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace

nlohmann::json request(int id, const std::string& method, nlohmann::json params) {
  return {{"jsonrpc", "2.0"}, {"id", id}, {"method", method}, {"params", std::move(params)}};
}

nlohmann::json result(const nlohmann::json& id, nlohmann::json value) {
  return {{"jsonrpc", "2.0"}, {"id", id}, {"result", std::move(value)}};
}

nlohmann::json error(const nlohmann::json& id, int code, const std::string& message) {
  return {{"jsonrpc", "2.0"}, {"id", id}, {"error", {{"code", code}, {"message", message}}}};
}

nlohmann::json parse_message(const std::string& bytes) {
  // Refused while parsing: a document nested a million deep would exhaust the stack of whoever walks it.
  const auto shallow = [](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    if (depth > depth_limit) throw FramingError("JSON nested more than 64 deep");
    return true;
  };
  nlohmann::json message;
  try {
    message = nlohmann::json::parse(bytes, shallow);
  } catch (const nlohmann::json::exception&) {
    throw FramingError("\"" + printable(bytes, 60) + "\" is not valid JSON");
  }
  if (!message.is_object() || message.value("jsonrpc", nlohmann::json()) != "2.0")
    throw FramingError("\"" + printable(bytes, 60) + "\" is no JSON-RPC 2.0 message");
  return message;
}

nlohmann::json to_json(const Announcement& announcement) {
  return {{"size", announcement.size}, {"sha256", announcement.sha256}};
}

Announcement announcement_from_json(const nlohmann::json& value) {
  if (!value.is_object() || !value.contains("size") || !value["size"].is_number_unsigned() ||
      !value.contains("sha256") || !value["sha256"].is_string() || !is_hash(value["sha256"].get<std::string>()))
    throw FramingError("\"" + printable(value.dump(), 60) +
                       "\" announces no binary frame; {\"size\", \"sha256\"} does");
  Announcement announcement;
  announcement.size = value["size"].get<std::uint64_t>();
  announcement.sha256 = value["sha256"].get<std::string>();
  return announcement;
}

std::string printable(const std::string& text, std::size_t limit) {
  std::string out = text.substr(0, limit);
  for (char& c : out)
    if (c < ' ' || c > '~') c = '?';
  if (text.size() > limit && limit > 3) out.replace(limit - 3, 3, "...");
  return out;
}

}  // namespace protocol
}  // namespace automask
