#include <png.h>

#include <csetjmp>
#include <cstring>
#include <vector>

#include "datasets/decode_formats.h"

namespace automask::datasets {
namespace {

struct Input {
  std::string_view rest;
  bool ended = false;
  bool animated = false;
  char message[128] = {};
};

void on_error(png_structp png, png_const_charp text) {
  auto* input = static_cast<Input*>(png_get_error_ptr(png));
  std::strncpy(input->message, text, sizeof input->message - 1);
  png_longjmp(png, 1);
}
void on_warning(png_structp, png_const_charp) {}
void on_read(png_structp png, png_bytep out, png_size_t size) {
  auto* input = static_cast<Input*>(png_get_io_ptr(png));
  if (input->rest.size() < size) {
    input->ended = true;
    png_error(png, "ends too early");
  }
  std::memcpy(out, input->rest.data(), size);
  input->rest.remove_prefix(size);
}

// acTL of animated PNG (https://wiki.mozilla.org/APNG_Specification): the number of frames comes first.
int on_chunk(png_structp png, png_unknown_chunkp chunk) {
  if (std::memcmp(chunk->name, "acTL", 4) == 0 && chunk->size >= 4 && png_get_uint_32(chunk->data) > 1)
    static_cast<Input*>(png_get_user_chunk_ptr(png))->animated = true;
  return 1;
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : input_{bytes} {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, &input_, on_error, on_warning);
    info_ = png_ == nullptr ? nullptr : png_create_info_struct(png_);
  }
  ~Reader() { png_destroy_read_struct(&png_, &info_, nullptr); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  bool read_header() {
    if (info_ == nullptr) return false;
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    png_set_read_fn(png_, &input_, on_read);
    png_set_user_limits(png_, 0x7FFFFFFF, 0x7FFFFFFF);  // ours come after the header, with a better sentence
    png_set_read_user_chunk_fn(png_, &input_, on_chunk);
    png_read_info(png_, info_);
    return true;
  }
  // Takes memory for two rows, so the header must be looked at before.
  bool prepare() {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    const int colour = png_get_color_type(png_, info_);
    if (png_get_bit_depth(png_, info_) == 16) png_set_strip_16(png_);
    if (colour == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png_);
    if (colour == PNG_COLOR_TYPE_GRAY && png_get_bit_depth(png_, info_) < 8) png_set_expand_gray_1_2_4_to_8(png_);
    png_set_strip_alpha(png_);  // also of palettes, whose expansion would else bring their transparency
    png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    return true;
  }
  bool read_rows(png_bytepp rows) {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    png_read_image(png_, rows);
    png_read_end(png_, nullptr);
    return true;
  }

  std::uint32_t width() const { return png_get_image_width(png_, info_); }
  std::uint32_t height() const { return png_get_image_height(png_, info_); }
  bool is_animated() const { return input_.animated; }
  int channels() const { return png_get_channels(png_, info_); }
  std::string fault() const { return input_.ended ? truncated : std::string("cannot be decoded: ") + input_.message; }

 private:
  Input input_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
};

}  // namespace

cv::Mat decode_png(std::string_view bytes, const DecodeOptions& options, std::string& message) {
  Reader reader(bytes);
  if (!reader.read_header()) {
    message = reader.fault();
    return {};
  }
  if (reader.is_animated()) {
    message = animation;
    return {};
  }
  if (!size_is_allowed(reader.width(), reader.height(), options, message)) return {};
  if (!reader.prepare()) {
    message = reader.fault();
    return {};
  }
  if (reader.channels() != 1 && reader.channels() != 3) {
    message = "cannot be decoded: has " + std::to_string(reader.channels()) + " channels";
    return {};
  }
  cv::Mat picture(static_cast<int>(reader.height()), static_cast<int>(reader.width()),
                  reader.channels() == 1 ? CV_8UC1 : CV_8UC3);
  std::vector<png_bytep> rows(reader.height());
  for (std::size_t y = 0; y < rows.size(); ++y) rows[y] = picture.ptr(static_cast<int>(y));
  if (!reader.read_rows(rows.data())) {
    message = reader.fault();
    return {};
  }
  return picture;
}

}  // namespace automask::datasets
