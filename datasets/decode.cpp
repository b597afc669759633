#include "datasets/decode.h"

#include <webp/decode.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "core/error.h"
#include "datasets/decode_formats.h"

namespace automask::datasets {
namespace {

[[noreturn]] void fail(const std::string& file, const std::string& problem,
                       const std::string& remedy = "replace or remove this picture") {
  throw core::Error(core::ExitCode::steps_failed, file, problem, remedy);
}

cv::Mat decode_webp(std::string_view bytes, const DecodeOptions& options, std::string& message) {
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  // The container knows its length (bytes 4 to 7, little end first, and the eight before and around them), while the
  // decoder takes what is missing for zeros.
  std::uint64_t announced = 8;
  for (std::size_t i = 0; i < 4; ++i) announced += std::uint64_t{data[4 + i]} << (8 * i);
  if (announced > bytes.size()) {
    message = truncated;
    return {};
  }
  WebPBitstreamFeatures features;
  const VP8StatusCode status = WebPGetFeatures(data, bytes.size(), &features);
  if (status != VP8_STATUS_OK) {
    message = status == VP8_STATUS_NOT_ENOUGH_DATA ? truncated : "cannot be decoded: its WebP header is broken";
    return {};
  }
  if (features.has_animation != 0) {
    message = animation;
    return {};
  }
  if (!size_is_allowed(static_cast<std::uint64_t>(features.width), static_cast<std::uint64_t>(features.height), options,
                       message))
    return {};
  cv::Mat picture(features.height, features.width, CV_8UC3);
  if (WebPDecodeRGBInto(data, bytes.size(), picture.data, picture.total() * 3, 3 * features.width) == nullptr) {
    message = "cannot be decoded: its WebP data is broken";
    return {};
  }
  return picture;
}

// Over white space and comments to the next number of a PNM header (http://netpbm.sourceforge.net/doc/ppm.html).
std::size_t next_number(std::string_view bytes, std::size_t at) {
  while (at < bytes.size()) {
    if (bytes[at] == '#') {
      at = std::min(bytes.find('\n', at), bytes.size());
    } else if (std::string_view(" \t\n\v\f\r").find(bytes[at]) == std::string_view::npos) {
      break;
    } else {
      ++at;
    }
  }
  return at;
}

cv::Mat decode_pnm(std::string_view bytes, const DecodeOptions& options, std::string& message) {
  const int channels = bytes[1] == '5' ? 1 : 3;
  std::uint32_t sizes[3] = {};
  std::size_t at = 2;
  for (std::uint32_t& size : sizes) {
    at = next_number(bytes, at);
    const auto [end, error] = std::from_chars(bytes.data() + at, bytes.data() + bytes.size(), size);
    if (error != std::errc()) {
      message = "cannot be decoded: its PNM header is broken";
      return {};
    }
    at = static_cast<std::size_t>(end - bytes.data());
  }
  if (sizes[2] != 255) {
    message = "cannot be decoded: only PNM pictures of 8 bits are read";
    return {};
  }
  if (!size_is_allowed(sizes[0], sizes[1], options, message)) return {};
  const std::size_t size = std::size_t{sizes[0]} * sizes[1] * static_cast<std::size_t>(channels);
  if (bytes.size() < at + 1 + size) {
    message = truncated;
    return {};
  }
  cv::Mat picture(static_cast<int>(sizes[1]), static_cast<int>(sizes[0]), channels == 1 ? CV_8UC1 : CV_8UC3);
  std::memcpy(picture.data, bytes.data() + at + 1, size);
  return picture;
}

// Formats that are known and not read, for a clearer sentence.
const char* other_format(std::string_view bytes) {
  if (bytes.starts_with("GIF8")) return "a GIF";
  if (bytes.starts_with("BM")) return "a BMP";
  if (bytes.starts_with("II*") || bytes.starts_with(std::string_view("MM\0*", 4))) return "a TIFF";
  if (bytes.starts_with(std::string_view("\0\0\0\x0cjP  ", 8))) return "a JPEG 2000";
  if (bytes.substr(0, 12).ends_with("ftypavif") || bytes.substr(0, 12).ends_with("ftypheic")) return "an AVIF or HEIC";
  return nullptr;
}

}  // namespace

bool size_is_allowed(std::uint64_t width, std::uint64_t height, const DecodeOptions& options, std::string& message) {
  if (width == 0 || height == 0 || width > INT32_MAX || height > INT32_MAX) {
    message = "has no pixels";
    return false;
  }
  if (options.max_pixels > 0 && width * height > static_cast<std::uint64_t>(options.max_pixels)) {
    message = "has " + std::to_string(width) + " x " + std::to_string(height) + " pixels, more than the limit of " +
              std::to_string(options.max_pixels);
    return false;
  }
  return true;
}

cv::Mat decode_picture(std::string_view bytes, const std::string& file, const DecodeOptions& options) {
  if (bytes.empty()) fail(file, "is empty");
  std::string message;
  cv::Mat picture;
  if (bytes.starts_with("\xff\xd8")) {
    picture = decode_jpeg(bytes, options, message);
  } else if (bytes.starts_with("\x89PNG\r\n\x1a\n")) {
    picture = decode_png(bytes, options, message);
  } else if (bytes.starts_with("RIFF") && bytes.size() >= 12 && bytes.substr(8, 4) == "WEBP") {
    picture = decode_webp(bytes, options, message);
  } else if (bytes.starts_with("P5") || bytes.starts_with("P6")) {
    picture = decode_pnm(bytes, options, message);
  } else if (const char* other = other_format(bytes); other != nullptr) {
    fail(file, std::string("is ") + other + " picture, which is not read", "convert it to PNG, JPEG or WebP");
  } else {
    fail(file, "is no JPEG, PNG, WebP or PNM picture");
  }
  if (!picture.empty()) return picture;
  if (message == animation) fail(file, message, "keep one frame of it as PNG, JPEG or WebP");
  if (message.find("the limit of") != std::string::npos) fail(file, message, "scale it down, or raise the limit");
  fail(file, message);
}

std::string encode_pnm(const cv::Mat& picture) {
  std::string bytes = (picture.channels() == 1 ? "P5\n" : "P6\n") + std::to_string(picture.cols) + " " +
                      std::to_string(picture.rows) + "\n255\n";
  bytes.append(reinterpret_cast<const char*>(picture.data), picture.total() * picture.elemSize());
  return bytes;
}

}  // namespace automask::datasets
