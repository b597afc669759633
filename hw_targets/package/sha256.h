#pragma once
// SHA-256 (FIPS 180-4) for board programs, which have no OpenSSL. C++14.
#include <cstddef>
#include <cstdint>
#include <string>

namespace automask {
namespace package {

// Fed in pieces; hex() may be asked at any time and does not disturb what follows.
class Sha256 {
 public:
  Sha256& update(const void* data, std::size_t size);
  Sha256& update(const std::string& bytes) { return update(bytes.data(), bytes.size()); }
  std::string hex() const;  // 64 lower-case hex digits

 private:
  void compress(const unsigned char* block);

  std::uint32_t state_[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                             0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  unsigned char pending_[64] = {};  // the first size_ % 64 bytes wait for a whole block
  std::uint64_t size_ = 0;
};

std::string sha256_hex(const void* data, std::size_t size);  // 64 lower-case hex digits
inline std::string sha256_hex(const std::string& bytes) { return sha256_hex(bytes.data(), bytes.size()); }

}  // namespace package
}  // namespace automask
