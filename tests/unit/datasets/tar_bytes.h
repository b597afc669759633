#pragma once
// Tar archives made by hand, with members that no tar program would write.
#include <cstdint>
#include <cstdio>
#include <string>

namespace automask::testing {

struct TarEntry {
  std::string path, bytes;
  char type = '0';  // POSIX: 0 file, 1 hard link, 2 link, 3 device, 5 folder, 6 pipe, x pax header; GNU: L long name
  std::string link = {};
  std::string size_field = {};  // in place of the size in octal
};

// POSIX.1-1988 (ustar): a header block, the bytes, zeros up to the next block.
inline std::string tar_member(const TarEntry& entry) {
  std::string header(512, '\0');
  const auto put = [&](std::size_t at, const std::string& text) { header.replace(at, text.size(), text); };
  const auto octal = [](std::uint64_t value, int digits) {
    char text[24];
    std::snprintf(text, sizeof text, "%0*llo", digits, static_cast<unsigned long long>(value));
    return std::string(text);
  };
  put(0, entry.path.substr(0, 100));
  put(100, "0000644");
  put(108, "0000000");
  put(116, "0000000");
  put(124, entry.size_field.empty() ? octal(entry.bytes.size(), 11) : entry.size_field);
  put(136, "00000000000");
  header[156] = entry.type;
  put(157, entry.link.substr(0, 100));
  put(257, std::string("ustar\00000", 8));
  put(148, "        ");
  std::uint64_t sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  put(148, octal(sum, 6) + '\0');
  return header + entry.bytes + std::string((512 - entry.bytes.size() % 512) % 512, '\0');
}

inline std::string tar_end() { return std::string(1024, '\0'); }

// "length key=value\n", where the length counts itself (POSIX.1-2001).
inline std::string pax_record(const std::string& key, const std::string& value) {
  const std::size_t rest = key.size() + value.size() + 3;
  std::size_t length = rest + 1;
  while (std::to_string(length).size() + rest != length) ++length;
  return std::to_string(length) + " " + key + "=" + value + "\n";
}

}  // namespace automask::testing
