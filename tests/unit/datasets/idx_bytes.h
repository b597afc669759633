#pragma once
// IDX files made by hand, independent of the writer under test.
#include <zlib.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <string>

namespace automask::testing {

inline std::string idx_bytes(int type, std::initializer_list<std::uint32_t> shape, const std::string& values) {
  std::string bytes{'\0', '\0', static_cast<char>(type), static_cast<char>(shape.size())};
  for (const std::uint32_t size : shape)
    for (const int shift : {24, 16, 8, 0}) bytes.push_back(static_cast<char>(size >> shift & 0xFF));
  return bytes + values;
}

inline std::string gzipped(const std::string& bytes) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, bytes.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

// `count` pictures of 2 x 3, gray; picture i holds 6 i, 6 i + 1, ... (modulo 256), label i % 10.
inline std::string counting_images(std::uint32_t count) {
  std::string values;
  for (std::uint32_t i = 0; i < 6 * count; ++i) values.push_back(static_cast<char>(i));
  return idx_bytes(8, {count, 2, 3}, values);
}
inline std::string counting_labels(std::uint32_t count) {
  std::string values;
  for (std::uint32_t i = 0; i < count; ++i) values.push_back(static_cast<char>(i % 10));
  return idx_bytes(8, {count}, values);
}

inline void put(const std::filesystem::path& path, const std::string& bytes) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

}  // namespace automask::testing
