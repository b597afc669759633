#include "tests/unit/datasets/picture_bytes.h"

#include <webp/encode.h>

#include <cstdio>
#include <cstring>
#include <stdexcept>
//
#include <jpeglib.h>
#include <png.h>
#include <zlib.h>

namespace automask::testing {
namespace {

std::string little(std::uint32_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text.push_back(static_cast<char>(value >> (8 * i) & 0xFF));
  return text;
}
std::string big(std::uint32_t value) {
  const std::string text = little(value, 4);
  return {text.rbegin(), text.rend()};
}
std::string riff_chunk(const std::string& name, const std::string& data) {
  return name + little(static_cast<std::uint32_t>(data.size()), 4) + data + std::string(data.size() % 2, '\0');
}

}  // namespace

cv::Mat smooth(int rows, int cols, int channels) {
  cv::Mat picture(rows, cols, CV_8UC(channels));
  for (int y = 0; y < rows; ++y)
    for (int x = 0; x < cols; ++x) {
      const int values[] = {255 * x / cols, 255 * y / rows, 255 - 200 * x / cols, 255 - 155 * y / rows};
      for (int c = 0; c < channels; ++c) picture.ptr(y)[x * channels + c] = static_cast<std::uint8_t>(values[c]);
    }
  return picture;
}

double largest_difference(const cv::Mat& a, const cv::Mat& b) {
  if (a.size() != b.size() || a.type() != b.type()) throw std::runtime_error("pictures of two sizes or types");
  return cv::norm(a, b, cv::NORM_INF);
}

std::string jpeg_bytes(const cv::Mat& picture, const JpegForm& form) {
  jpeg_compress_struct info;
  jpeg_error_mgr errors;
  info.err = jpeg_std_error(&errors);  // ends the program on a fault of the test
  jpeg_create_compress(&info);
  unsigned char* out = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &out, &size);
  info.image_width = static_cast<JDIMENSION>(picture.cols);
  info.image_height = static_cast<JDIMENSION>(picture.rows);
  info.input_components = picture.channels();
  const bool gray = picture.channels() == 1, cmyk = picture.channels() == 4;
  info.in_color_space = gray ? JCS_GRAYSCALE : cmyk ? JCS_CMYK : JCS_RGB;
  jpeg_set_defaults(&info);
  if (!gray) {
    const J_COLOR_SPACE plain = cmyk ? JCS_CMYK : JCS_RGB, ycc = cmyk ? JCS_YCCK : JCS_YCbCr;
    jpeg_set_colorspace(&info, form.ycc ? ycc : plain);
    if (form.ycc) {
      info.comp_info[0].h_samp_factor = form.across;
      info.comp_info[0].v_samp_factor = form.down;
      if (cmyk) {
        info.comp_info[3].h_samp_factor = form.across;
        info.comp_info[3].v_samp_factor = form.down;
      }
    }
    if (!form.adobe_marker) info.write_Adobe_marker = FALSE;
  }
  jpeg_set_quality(&info, 95, TRUE);
  if (form.progressive) jpeg_simple_progression(&info);
  info.restart_in_rows = form.restart_rows;
  jpeg_start_compress(&info, TRUE);
  while (info.next_scanline < info.image_height) {
    JSAMPROW row = const_cast<std::uint8_t*>(picture.ptr(static_cast<int>(info.next_scanline)));
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  std::string bytes(reinterpret_cast<char*>(out), size);
  std::free(out);
  return bytes;
}

std::string png_bytes(int rows, int cols, const std::vector<int>& samples, const PngForm& form) {
  const int channels = form.colour == 2 ? 3 : form.colour == 4 ? 2 : form.colour == 6 ? 4 : 1;
  if (samples.size() != static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols * channels))
    throw std::runtime_error("samples don't fill the picture");
  // Packed as the file wants them, the leftmost in the highest bits.
  const std::size_t row_bytes = (static_cast<std::size_t>(cols * channels * form.depth) + 7) / 8;
  std::vector<std::uint8_t> packed(row_bytes * static_cast<std::size_t>(rows));
  for (int y = 0; y < rows; ++y)
    for (int i = 0; i < cols * channels; ++i)
      for (int bit = 0; bit < form.depth; ++bit) {
        const int sample = samples[static_cast<std::size_t>(y * cols * channels + i)];
        const std::size_t at = static_cast<std::size_t>(i * form.depth + bit);
        if ((sample >> (form.depth - 1 - bit) & 1) != 0)
          packed[static_cast<std::size_t>(y) * row_bytes + at / 8] |= static_cast<std::uint8_t>(0x80 >> (at % 8));
      }
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  std::string bytes;
  png_set_write_fn(
      png, &bytes,
      [](png_structp self, png_bytep data, png_size_t size) {
        static_cast<std::string*>(png_get_io_ptr(self))->append(reinterpret_cast<char*>(data), size);
      },
      nullptr);
  png_set_IHDR(png, info, static_cast<png_uint_32>(cols), static_cast<png_uint_32>(rows), form.depth, form.colour,
               form.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  std::vector<png_color> colours;
  for (std::size_t i = 0; i + 2 < form.palette.size(); i += 3)
    colours.push_back({static_cast<png_byte>(form.palette[i]), static_cast<png_byte>(form.palette[i + 1]),
                       static_cast<png_byte>(form.palette[i + 2])});
  if (!colours.empty()) png_set_PLTE(png, info, colours.data(), static_cast<int>(colours.size()));
  png_write_info(png, info);
  std::vector<png_bytep> pointers;
  for (int y = 0; y < rows; ++y) pointers.push_back(&packed[static_cast<std::size_t>(y) * row_bytes]);
  png_write_image(png, pointers.data());
  png_write_end(png, nullptr);
  png_destroy_write_struct(&png, &info);
  return form.transparency.empty() ? bytes : with_png_chunk(bytes, "tRNS", form.transparency);
}

std::string with_png_sums(std::string png) {
  for (std::size_t at = 8; at + 12 <= png.size();) {
    std::size_t size = 0;
    for (std::size_t i = 0; i < 4; ++i) size = size << 8 | static_cast<unsigned char>(png[at + i]);
    if (size > png.size() - at - 12) break;
    const auto sum = crc32(0, reinterpret_cast<const Bytef*>(&png[at + 4]), static_cast<uInt>(size + 4));
    png.replace(at + 8 + size, 4, big(static_cast<std::uint32_t>(sum)));
    at += 12 + size;
  }
  return png;
}

std::string with_png_chunk(const std::string& png, const std::string& name, const std::string& data) {
  const std::size_t at = png.find("IDAT") - 4;
  return with_png_sums(png.substr(0, at) + big(static_cast<std::uint32_t>(data.size())) + name + data +
                       std::string(4, '\0') + png.substr(at));
}

std::string webp_bytes(const cv::Mat& picture, float quality) {
  WebPConfig config;
  WebPConfigInit(&config);
  config.lossless = quality < 0;
  config.exact = 1;
  config.quality = quality < 0 ? 50 : quality;
  WebPPicture input;
  WebPPictureInit(&input);
  input.width = picture.cols;
  input.height = picture.rows;
  input.use_argb = config.lossless;
  WebPMemoryWriter writer;
  WebPMemoryWriterInit(&writer);
  input.writer = WebPMemoryWrite;
  input.custom_ptr = &writer;
  const int stride = static_cast<int>(picture.step);
  const bool good = (picture.channels() == 4 ? WebPPictureImportRGBA(&input, picture.data, stride)
                                             : WebPPictureImportRGB(&input, picture.data, stride)) != 0 &&
                    WebPEncode(&config, &input) != 0;
  std::string bytes(reinterpret_cast<char*>(writer.mem), writer.size);
  WebPMemoryWriterClear(&writer);
  WebPPictureFree(&input);
  if (!good) throw std::runtime_error("libwebp doesn't encode this");
  return bytes;
}

// https://developers.google.com/speed/webp/docs/riff_container
std::string animated_webp(const std::string& still, int cols, int rows, int frames) {
  const auto size = [](int n) { return little(static_cast<std::uint32_t>(n - 1), 3); };
  std::string body = "WEBP" + riff_chunk("VP8X", std::string("\x02\0\0\0", 4) + size(cols) + size(rows));
  body += riff_chunk("ANIM", std::string(6, '\0'));
  for (int i = 0; i < frames; ++i)
    body +=
        riff_chunk("ANMF", std::string(6, '\0') + size(cols) + size(rows) + little(40, 3) + '\0' + still.substr(12));
  return riff_chunk("RIFF", body);
}

}  // namespace automask::testing
