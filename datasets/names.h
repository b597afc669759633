#pragma once
// What file names say: several in short ("shard-{000000..000009}.tar"), pictures, archives.
#include <string>
#include <string_view>
#include <vector>

namespace automask::datasets {

// "a-{000..002}.tar" -> a-000.tar, a-001.tar, a-002.tar; "{x,y}" -> x, y; several braces multiply. Error(usage) on
// braces that don't close or nest, ranges that fall, and more than 100,000 names.
std::vector<std::string> expand_braces(const std::string& pattern);

// By extension, in either case: .jpg, .jpeg, .png, .webp, .ppm, .pgm. Not the "._x.jpg" that macOS adds to archives.
bool is_picture_name(std::string_view path);
bool is_tar_name(std::string_view name);  // .tar, .tgz, .tar.gz, .tzst, .tar.zst, .tar.bz2, .tar.xz

}  // namespace automask::datasets
