#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <vector>
//
#include <jpeglib.h>
//
#include <jerror.h>

#include "datasets/decode_formats.h"

namespace automask::datasets {
namespace {

// libjpeg reports by a callback that must not return, and exceptions must not cross C code: so long jumps, and no
// object with a destructor lives in the functions that are jumped out of.
struct Reports {
  jpeg_error_mgr manager;
  std::jmp_buf back;
  char message[JMSG_LENGTH_MAX];
  bool data_ended;  // entropy-coded data ended before the last row
};

void on_error(j_common_ptr info) {
  auto* reports = reinterpret_cast<Reports*>(info->err);
  info->err->format_message(info, reports->message);
  std::longjmp(reports->back, 1);
}
void on_message(j_common_ptr info, int level) {
  auto* reports = reinterpret_cast<Reports*>(info->err);
  if (level < 0 && info->err->msg_code == JWRN_HIT_MARKER) reports->data_ended = true;
}

// The file in memory and, when it is used up, end markers without end.
struct Source {
  jpeg_source_mgr manager;
  bool exhausted;
};
void start(j_decompress_ptr) {}
void finish(j_decompress_ptr) {}
boolean refill(j_decompress_ptr info) {
  static constexpr JOCTET end[] = {0xFF, JPEG_EOI};
  auto* source = reinterpret_cast<Source*>(info->src);
  source->exhausted = true;
  source->manager.next_input_byte = end;
  source->manager.bytes_in_buffer = sizeof end;
  return TRUE;
}
void skip(j_decompress_ptr info, long count) {
  if (count <= 0) return;
  auto* source = reinterpret_cast<Source*>(info->src);
  if (static_cast<std::size_t>(count) <= source->manager.bytes_in_buffer) {
    source->manager.next_input_byte += count;
    source->manager.bytes_in_buffer -= static_cast<std::size_t>(count);
  } else {
    refill(info);
  }
}

// PIL's arithmetic (Convert.c, cmyk2rgb, and MULDIV255). Adobe's programs store 255 - ink, and PIL takes every CMYK
// JPEG for theirs, with or without Adobe's marker (JpegImagePlugin.py).
std::uint8_t ink(int colour, int black) {
  const int product = colour * black + 128;
  return static_cast<std::uint8_t>(std::max(0, black - (((product >> 8) + product) >> 8)));
}
void cmyk_to_rgb(const std::uint8_t* in, int width, std::uint8_t* out) {
  for (int x = 0; x < width; ++x, in += 4)
    for (int c = 0; c < 3; ++c) *out++ = ink(255 - in[c], in[3]);
}

class Decoder {
 public:
  Decoder() {
    info_.err = jpeg_std_error(&reports_.manager);
    reports_.manager.error_exit = on_error;
    reports_.manager.emit_message = on_message;
    jpeg_create_decompress(&info_);
    source_.manager.init_source = start;
    source_.manager.fill_input_buffer = refill;
    source_.manager.skip_input_data = skip;
    source_.manager.resync_to_restart = jpeg_resync_to_restart;
    source_.manager.term_source = finish;
    info_.src = &source_.manager;
  }
  ~Decoder() { jpeg_destroy_decompress(&info_); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  bool read_header(std::string_view bytes) {
    source_.manager.next_input_byte = reinterpret_cast<const JOCTET*>(bytes.data());
    source_.manager.bytes_in_buffer = bytes.size();
    if (setjmp(reports_.back) != 0) return false;
    jpeg_read_header(&info_, TRUE);
    has_several_scans_ = jpeg_has_multiple_scans(&info_) != FALSE;  // an error, and a jump, once all is read
    switch (info_.jpeg_color_space) {
      case JCS_GRAYSCALE:
        info_.out_color_space = JCS_GRAYSCALE;
        break;
      case JCS_CMYK:
      case JCS_YCCK:
        info_.out_color_space = JCS_CMYK;
        break;
      default:
        info_.out_color_space = JCS_RGB;
    }
    return true;
  }
  // `row` holds one row of CMYK where has_cmyk().
  bool read_rows(cv::Mat& picture, std::uint8_t* row) {
    if (setjmp(reports_.back) != 0) return false;
    jpeg_start_decompress(&info_);
    while (info_.output_scanline < info_.output_height) {
      std::uint8_t* out = picture.ptr(static_cast<int>(info_.output_scanline));
      JSAMPROW target = has_cmyk() ? row : out;
      if (jpeg_read_scanlines(&info_, &target, 1) != 1) return false;
      if (has_cmyk()) cmyk_to_rgb(row, picture.cols, out);
    }
    jpeg_finish_decompress(&info_);
    return true;
  }

  int width() const { return static_cast<int>(info_.image_width); }
  int height() const { return static_cast<int>(info_.image_height); }
  bool has_cmyk() const { return info_.out_color_space == JCS_CMYK; }
  bool is_gray() const { return info_.out_color_space == JCS_GRAYSCALE; }
  const char* message() const { return reports_.message; }
  // Missing rows come out gray, so they must be noticed: by entropy-coded data that ends early, and where there are
  // several scans also by the lack of an end marker. A lone end marker that is missing does no harm.
  bool is_cut_off() const { return source_.exhausted && (reports_.data_ended || has_several_scans_); }
  bool source_is_exhausted() const { return source_.exhausted; }

 private:
  Reports reports_{};
  jpeg_decompress_struct info_{};
  Source source_{};
  bool has_several_scans_ = false;
};

}  // namespace

cv::Mat decode_jpeg(std::string_view bytes, const DecodeOptions& options, std::string& message) {
  Decoder decoder;
  if (!decoder.read_header(bytes)) {
    message = decoder.source_is_exhausted() ? truncated : std::string("cannot be decoded: ") + decoder.message();
    return {};
  }
  if (!size_is_allowed(decoder.width(), decoder.height(), options, message)) return {};
  cv::Mat picture(decoder.height(), decoder.width(), decoder.is_gray() ? CV_8UC1 : CV_8UC3);
  std::vector<std::uint8_t> row(decoder.has_cmyk() ? 4 * static_cast<std::size_t>(decoder.width()) : 0);
  const bool read = decoder.read_rows(picture, row.data());
  if (decoder.is_cut_off() || (!read && decoder.source_is_exhausted())) {
    message = truncated;
    return {};
  }
  if (!read) {
    message = std::string("cannot be decoded: ") + decoder.message();
    return {};
  }
  return picture;
}

}  // namespace automask::datasets
