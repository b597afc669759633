#pragma once
// What harness and runner say to each other: start here. JSON-RPC 2.0 in Content-Length frames, binary frames for
// tensors and packages. C++14, nlohmann/json only. docs/runner-protocol.md is the specification.
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

namespace automask {
namespace protocol {

constexpr int version = 1;

// A frame is "Content-Length: <n>\r\n" [ "Content-Type: <type>\r\n" ] "\r\n" and n bytes. Without a type it is JSON;
// "application/octet-stream" marks a binary frame, which always follows the JSON message that announces it in
// params.frame or result.frame = {"size": n, "sha256": "..."}.
struct Frame {
  bool binary = false;
  std::string bytes;
};

// The stream is not the protocol: banner text, bad header, oversized or truncated frame, invalid JSON.
class FramingError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Incremental reader: feed() what arrived, next() takes a whole frame when there is one. A frame that announces more
// than `limit` bytes is refused by its header, before its bytes are held.
class FrameReader {
 public:
  explicit FrameReader(std::size_t limit = std::size_t(1) << 30) : limit_(limit) {}
  void set_limit(std::size_t limit) { limit_ = limit; }
  void feed(const char* data, std::size_t size);
  bool next(Frame& frame);  // false: more bytes needed; throws FramingError
  bool empty() const { return buffer_.size() == start_; }

 private:
  std::size_t limit_, start_ = 0;
  std::string buffer_;
};

std::string encode_json(const nlohmann::json& message);
std::string encode_binary(const std::string& bytes);

// JSON-RPC error codes: the standard's, and ours from -32000 down.
enum ErrorCode {
  parse_error = -32700,
  invalid_request = -32600,
  method_not_found = -32601,
  invalid_params = -32602,
  internal_error = -32603,
  wrong_version = -32001,
  bad_hash = -32002,
  bad_package = -32003,
  out_of_memory = -32004,
  unknown_input = -32005,
  not_loaded = -32006,
  unsupported = -32007,
  cancelled = -32008
};

nlohmann::json request(int id, const std::string& method, nlohmann::json params);
nlohmann::json result(const nlohmann::json& id, nlohmann::json value);
nlohmann::json error(const nlohmann::json& id, int code, const std::string& message);

// The JSON of a frame: one object, nested at most 64 deep. FramingError otherwise.
nlohmann::json parse_message(const std::string& bytes);

// The {"size", "sha256"} that announces a binary frame.
struct Announcement {
  std::uint64_t size = 0;
  std::string sha256;  // 64 lower-case hex digits
};
nlohmann::json to_json(const Announcement& announcement);
Announcement announcement_from_json(const nlohmann::json& value);  // throws FramingError

// `text` fit for one line of a log or a sentence: control and non-ASCII bytes become '?', at most `limit` bytes.
std::string printable(const std::string& text, std::size_t limit = 200);

}  // namespace protocol
}  // namespace automask
