#include "corruptions/writer/encode.h"

#include <fmt/format.h>
#include <png.h>

#include <algorithm>
#include <cstdio>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "core/error.h"
#include "corruptions/operators.h"
#include "datasets/decode.h"

namespace automask::corruptions {
namespace {

std::string encode_with(const char* ending, const cv::Mat& picture, const std::vector<int>& parameters) {
  cv::Mat bgr = picture;
  if (picture.channels() == 3) cv::cvtColor(picture, bgr, cv::COLOR_RGB2BGR);
  std::vector<std::uint8_t> bytes;
  if (!cv::imencode(ending, bgr, bytes, parameters))
    throw core::Error(core::ExitCode::internal, ending, "the picture could not be encoded");
  return {bytes.begin(), bytes.end()};
}

// numpy/lib/format.py: magic, version, u16 header length, the header padded with blanks to a multiple of 64 bytes.
std::string npy(const cv::Mat& picture) {
  const std::string shape = picture.channels() == 1
                                ? fmt::format("({}, {})", picture.rows, picture.cols)
                                : fmt::format("({}, {}, {})", picture.rows, picture.cols, picture.channels());
  std::string header = "{'descr': '|u1', 'fortran_order': False, 'shape': " + shape + ", }";
  constexpr std::size_t prefix = 10;
  header.append(63 - (prefix + header.size()) % 64, ' ').append(1, '\n');
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes += static_cast<char>(header.size() & 0xff);
  bytes += static_cast<char>(header.size() >> 8);
  bytes += header;
  const cv::Mat whole = picture.isContinuous() ? picture : picture.clone();
  bytes.append(reinterpret_cast<const char*>(whole.data), whole.total() * whole.elemSize());
  return bytes;
}

}  // namespace

std::string encode(const cv::Mat& picture, Output output) {
  switch (output) {
    case Output::png:
      // Level 1: noisy pictures get 2 % larger than at the default level, in half the time.
      return encode_with(".png", picture, {cv::IMWRITE_PNG_COMPRESSION, 1});
    case Output::jpeg85:
      return encode_with(".jpg", picture, {cv::IMWRITE_JPEG_QUALITY, 85, cv::IMWRITE_JPEG_OPTIMIZE, 1});
    case Output::raw:
      return npy(picture);
  }
  return {};
}

std::string output_library(Output output) {
  if (output == Output::png) return std::string("libpng ") + png_get_libpng_ver(nullptr);
  return output == Output::jpeg85 ? jpeg.library() : "";
}

cv::Mat decode(const std::string& bytes, const std::string& where) {
  if (bytes.compare(0, 6, "\x93NUMPY") != 0) return datasets::decode_picture(bytes, where);
  const auto fail = [&] {
    throw core::Error(core::ExitCode::steps_failed, where, "is no .npy picture of this program", "write it again");
  };
  if (bytes.size() < 10) fail();
  const std::size_t header = 10 + static_cast<unsigned char>(bytes[8]) + 256 * static_cast<unsigned char>(bytes[9]);
  int rows = 0, columns = 0, channels = 1;
  const std::size_t shape = bytes.find("'shape': (");
  if (shape == std::string::npos || shape > header ||
      std::sscanf(bytes.c_str() + shape, "'shape': (%d, %d, %d", &rows, &columns, &channels) < 2 || rows < 1 ||
      columns < 1 || (channels != 1 && channels != 3) ||
      bytes.size() != header + std::size_t(rows) * std::size_t(columns) * std::size_t(channels))
    fail();
  cv::Mat picture(rows, columns, CV_8UC(channels));
  std::copy(bytes.begin() + static_cast<std::ptrdiff_t>(header), bytes.end(), picture.data);
  return picture;
}

std::string file_name(const std::string& source, Output output) {
  const std::filesystem::path path(source);
  std::string ending = path.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(), [](unsigned char c) { return std::tolower(c); });
  const char* wanted = output == Output::png ? ".png" : output == Output::raw ? ".npy" : ".jpg";
  if (ending == wanted || (output == Output::jpeg85 && ending == ".jpeg")) return source;
  return (path.parent_path() / path.stem()).string() + wanted;
}

}  // namespace automask::corruptions
