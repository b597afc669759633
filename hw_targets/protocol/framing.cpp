#include <algorithm>
#include <cctype>

#include "hw_targets/protocol/protocol.h"

namespace automask {
namespace protocol {
namespace {

const char start_of_header[] = "content-";
const char binary_type[] = "application/octet-stream";
constexpr std::size_t header_limit = 512;                 // both fields take under 100 bytes
constexpr std::size_t compaction = std::size_t(1) << 20;  // consumed bytes kept before the rest is moved down

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::string trim(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::size_t parse_length(const std::string& value, std::size_t limit) {
  if (value.empty() || value.find_first_not_of("0123456789") != std::string::npos)
    throw FramingError("Content-Length is \"" + printable(value, 40) + "\", not a number of bytes");
  std::size_t length = 0;
  for (const char digit : value) {
    length = length * 10 + static_cast<std::size_t>(digit - '0');
    if (length > limit)
      throw FramingError("a frame of " + printable(value, 40) + " bytes, more than the " + std::to_string(limit) +
                         " expected here");
  }
  return length;
}

struct Header {
  std::size_t length = 0;
  bool binary = false;
};

Header parse_header(const std::string& text, std::size_t limit) {
  Header header;
  bool has_length = false;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find("\r\n", at), text.size());
    const std::string line = text.substr(at, end - at);
    at = end + 2;
    const std::size_t colon = line.find(':');
    const std::string name = lower(line.substr(0, colon));
    if (colon == std::string::npos || (name != "content-length" && name != "content-type"))
      throw FramingError("\"" + printable(line, 60) + "\" is no header field of a frame");
    const std::string value = trim(line.substr(colon + 1));
    if (name == "content-type") {
      header.binary = lower(value) == binary_type;
    } else if (has_length) {
      throw FramingError("a frame with two Content-Length fields");
    } else {
      header.length = parse_length(value, limit);
      has_length = true;
    }
  }
  if (!has_length) throw FramingError("a frame without Content-Length");
  return header;
}

std::string encode(const std::string& bytes, const std::string& type) {
  return "Content-Length: " + std::to_string(bytes.size()) + "\r\n" + type + "\r\n" + bytes;
}

}  // namespace

void FrameReader::feed(const char* data, std::size_t size) {
  if (start_ == buffer_.size() || start_ >= compaction) {
    buffer_.erase(0, start_);
    start_ = 0;
  }
  buffer_.append(data, size);
}

bool FrameReader::next(Frame& frame) {
  // Text that cannot become a header is refused at its first byte: a banner need not contain an empty line.
  const std::size_t held = buffer_.size() - start_;
  const std::size_t compared = std::min(held, sizeof(start_of_header) - 1);
  if (lower(buffer_.substr(start_, compared)) != std::string(start_of_header, compared))
    throw FramingError("\"" + printable(buffer_.substr(start_, 60), 60) + "\" where a frame should start");
  const std::size_t end = buffer_.find("\r\n\r\n", start_);
  if (end == std::string::npos || end - start_ > header_limit) {
    if (held > header_limit) throw FramingError("a frame's header of more than 512 bytes");
    return false;
  }
  const Header header = parse_header(buffer_.substr(start_, end - start_), limit_);
  const std::size_t body = end + 4;
  if (buffer_.size() - body < header.length) return false;
  frame.binary = header.binary;
  frame.bytes.assign(buffer_, body, header.length);
  start_ = body + header.length;
  return true;
}

std::string encode_json(const nlohmann::json& message) {
  // Text from a driver or a file may not be UTF-8; an answer must be.
  return encode(message.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), "");
}

std::string encode_binary(const std::string& bytes) {
  return encode(bytes, "Content-Type: " + std::string(binary_type) + "\r\n");
}

}  // namespace protocol
}  // namespace automask
