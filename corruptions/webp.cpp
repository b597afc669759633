// Lossy WebP at a quality: libwebp with its defaults (method 4), which is what OpenCV and PIL write. WebP stores
// limited-range BT.601 in 4:2:0; gray pictures go in as colour and come back by their luma.
#include <webp/decode.h>
#include <webp/encode.h>

#include <memory>

#include "corruptions/codec.h"

namespace automask::corruptions {
namespace {

// Sentences for WebPEncodingError, of those a picture can cause.
const char* cause_of(WebPEncodingError error) {
  switch (error) {
    case VP8_ENC_ERROR_OUT_OF_MEMORY:
    case VP8_ENC_ERROR_BITSTREAM_OUT_OF_MEMORY:
      return "out of memory";
    case VP8_ENC_ERROR_BAD_DIMENSION:
      return "WebP pictures have at most 16383 x 16383 pixels";
    case VP8_ENC_ERROR_PARTITION0_OVERFLOW:
    case VP8_ENC_ERROR_PARTITION_OVERFLOW:
      return "a partition of it grows too large";
    default:
      return "libwebp refuses it";
  }
}

struct Encoder {
  WebPPicture picture;
  WebPMemoryWriter writer;
  Encoder() {
    WebPPictureInit(&picture);
    WebPMemoryWriterInit(&writer);
    picture.writer = WebPMemoryWrite;
    picture.custom_ptr = &writer;
  }
  ~Encoder() {
    WebPPictureFree(&picture);
    WebPMemoryWriterClear(&writer);
  }
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;
};

cv::Mat apply_webp(const cv::Mat& picture, LinkContext& context) {
  const cv::Mat rgb = rgb_of(picture);
  std::unique_ptr<Encoder> encoder;
  const auto encode = [&](int quarters) -> std::span<const std::uint8_t> {
    encoder = std::make_unique<Encoder>();
    WebPConfig config;
    WebPConfigInit(&config);
    config.quality = static_cast<float>(quarters) * 0.25f;
    encoder->picture.width = rgb.cols;
    encoder->picture.height = rgb.rows;
    if (!WebPPictureImportRGB(&encoder->picture, rgb.data, 3 * rgb.cols) || !WebPEncode(&config, &encoder->picture))
      fail_to_code("webp", "q", picture, context, cause_of(encoder->picture.error_code));
    return {encoder->writer.mem, encoder->writer.size};
  };
  const auto decode = [&](std::span<const std::uint8_t> bytes) {
    cv::Mat result(rgb.rows, rgb.cols, CV_8UC3);
    if (WebPDecodeRGBInto(bytes.data(), bytes.size(), result.data, result.total() * 3, 3 * rgb.cols) == nullptr)
      fail_to_code("webp", "q", picture, context, "libwebp cannot read its own output");
    return picture.channels() == 1 ? gray_of(result) : result;
  };
  return code_picture(context, {.worst = 0, .best = 4 * 100, .scale = 4}, encode, decode);
}

std::string library() {
  const int version = WebPGetEncoderVersion();
  return "libwebp " + std::to_string(version >> 16) + "." + std::to_string(version >> 8 & 255) + "." +
         std::to_string(version & 255);
}

core::Json quality(int level, Edition) { return {{"quality", level}}; }

}  // namespace

constinit const Operator webp{"webp", apply_webp, quality, library};

}  // namespace automask::corruptions
