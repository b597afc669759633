// JPEG at a quality: libjpeg(-turbo) with its defaults (baseline, 4:2:0, accurate integer DCT), which is what OpenCV
// and PIL write, byte for byte; progressive scans and other chroma subsamplings as PIL writes them. Called directly,
// since OpenCV's wrapper takes twice the time on small pictures and knows no subsampling.
#include <csetjmp>
#include <cstdio>
#include <cstring>
//
#include <jpeglib.h>

#include "core/error.h"
#include "corruptions/codec.h"

namespace automask::corruptions {
namespace {

// libjpeg reports by a callback that must not return, and exceptions must not cross C code: so long jumps, and no
// object with a destructor lives in the functions that are jumped out of.
struct Failure {
  jpeg_error_mgr manager;
  std::jmp_buf back;
  char message[JMSG_LENGTH_MAX];
};

void on_error(j_common_ptr info) {
  auto* failure = reinterpret_cast<Failure*>(info->err);
  info->err->format_message(info, failure->message);
  std::longjmp(failure->back, 1);
}
void on_message(j_common_ptr) {}

jpeg_error_mgr* prepare(Failure& failure) {
  jpeg_std_error(&failure.manager);
  failure.manager.error_exit = on_error;
  failure.manager.output_message = on_message;
  return &failure.manager;
}

// Grows with the encoded picture and is kept from picture to picture.
struct Buffer {
  jpeg_destination_mgr manager;
  std::vector<JOCTET> bytes;
  std::size_t used;
};

void start(j_compress_ptr info) {
  auto* buffer = reinterpret_cast<Buffer*>(info->dest);
  buffer->manager.next_output_byte = buffer->bytes.data();
  buffer->manager.free_in_buffer = buffer->bytes.size();
}
boolean grow(j_compress_ptr info) {
  auto* buffer = reinterpret_cast<Buffer*>(info->dest);
  const std::size_t full = buffer->bytes.size();
  buffer->bytes.resize(2 * full);
  buffer->manager.next_output_byte = buffer->bytes.data() + full;
  buffer->manager.free_in_buffer = full;
  return TRUE;
}
void finish(j_compress_ptr info) {
  auto* buffer = reinterpret_cast<Buffer*>(info->dest);
  buffer->used = buffer->bytes.size() - buffer->manager.free_in_buffer;
}

struct Format {
  bool progressive = false;
  int horizontal = 2, vertical = 2;  // luma samples per chroma sample
};

// One encoder and one decoder per thread: setting libjpeg up costs as much as coding a small picture. Progressive
// pictures have an encoder of their own: libjpeg-turbo keeps their Huffman tables and would use them for baseline ones.
class Codec {
 public:
  Codec() {
    encoder_.err = prepare(failure_);
    decoder_.err = &failure_.manager;
    jpeg_create_compress(&encoder_);
    jpeg_create_decompress(&decoder_);
    buffer_.bytes.resize(1 << 14);
    buffer_.manager.init_destination = start;
    buffer_.manager.empty_output_buffer = grow;
    buffer_.manager.term_destination = finish;
    encoder_.dest = &buffer_.manager;
  }
  ~Codec() {
    jpeg_destroy_compress(&encoder_);
    jpeg_destroy_decompress(&decoder_);
  }
  Codec(const Codec&) = delete;
  Codec& operator=(const Codec&) = delete;

  bool encode(const cv::Mat& picture, int quality, const Format& format) {
    if (setjmp(failure_.back) != 0) {
      jpeg_abort_compress(&encoder_);
      return false;
    }
    encoder_.image_width = static_cast<JDIMENSION>(picture.cols);
    encoder_.image_height = static_cast<JDIMENSION>(picture.rows);
    encoder_.input_components = picture.channels();
    encoder_.in_color_space = picture.channels() == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&encoder_);
    jpeg_set_quality(&encoder_, quality, TRUE);
    if (picture.channels() == 3) {
      encoder_.comp_info[0].h_samp_factor = format.horizontal;
      encoder_.comp_info[0].v_samp_factor = format.vertical;
    }
    if (format.progressive) jpeg_simple_progression(&encoder_);
    jpeg_start_compress(&encoder_, TRUE);
    while (encoder_.next_scanline < encoder_.image_height) {
      JSAMPROW row = const_cast<JSAMPROW>(picture.ptr(static_cast<int>(encoder_.next_scanline)));
      jpeg_write_scanlines(&encoder_, &row, 1);
    }
    jpeg_finish_compress(&encoder_);
    return true;
  }

  bool decode(std::span<const std::uint8_t> bytes, cv::Mat& picture) {
    if (setjmp(failure_.back) != 0) {
      jpeg_abort_decompress(&decoder_);
      return false;
    }
    jpeg_mem_src(&decoder_, bytes.data(), bytes.size());
    jpeg_read_header(&decoder_, TRUE);
    decoder_.out_color_space = picture.channels() == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_start_decompress(&decoder_);
    while (decoder_.output_scanline < decoder_.output_height) {
      JSAMPROW row = picture.ptr(static_cast<int>(decoder_.output_scanline));
      jpeg_read_scanlines(&decoder_, &row, 1);
    }
    jpeg_finish_decompress(&decoder_);
    return true;
  }

  std::span<const std::uint8_t> bytes() const { return {buffer_.bytes.data(), buffer_.used}; }
  const char* message() const { return failure_.message; }

 private:
  Failure failure_{};
  jpeg_compress_struct encoder_{};
  jpeg_decompress_struct decoder_{};
  Buffer buffer_{};
};

cv::Mat apply_jpeg(const cv::Mat& picture, LinkContext& context) {
  thread_local Codec baseline, progressive;
  Format format;
  format.progressive = has_option(context, "progressive");
  if (has_option(context, "422")) format = {format.progressive, 2, 1};
  if (has_option(context, "444")) format = {format.progressive, 1, 1};
  Codec& codec = format.progressive ? progressive : baseline;
  const auto encode = [&](int quality) {
    if (!codec.encode(picture, quality, format)) fail_to_code("jpeg", "q", picture, context, codec.message());
    return codec.bytes();
  };
  const auto decode = [&](std::span<const std::uint8_t> bytes) {
    cv::Mat result = same_shape(picture);
    if (!codec.decode(bytes, result)) fail_to_code("jpeg", "q", picture, context, codec.message());
    return result;
  };
  return code_picture(context, {.worst = 1, .best = 100}, encode, decode);
}

#define AUTOMASK_TEXT_OF(x) #x
#define AUTOMASK_TEXT(x) AUTOMASK_TEXT_OF(x)
#ifdef LIBJPEG_TURBO_VERSION
constexpr const char* library = "libjpeg-turbo " AUTOMASK_TEXT(LIBJPEG_TURBO_VERSION);
#else
constexpr const char* library = "libjpeg " AUTOMASK_TEXT(JPEG_LIB_VERSION);
#endif

std::string library_version() { return library; }

core::Json quality(int level, Edition) { return {{"quality", level}}; }

}  // namespace

constinit const Operator jpeg{"jpeg", apply_jpeg, quality, library_version};

}  // namespace automask::corruptions
