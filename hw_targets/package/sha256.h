#pragma once
// SHA-256 (FIPS 180-4) for board programs, which have no OpenSSL. C++14.
#include <cstddef>
#include <string>

namespace automask {
namespace package {

std::string sha256_hex(const void* data, std::size_t size);  // 64 lower-case hex digits
inline std::string sha256_hex(const std::string& bytes) { return sha256_hex(bytes.data(), bytes.size()); }

}  // namespace package
}  // namespace automask
