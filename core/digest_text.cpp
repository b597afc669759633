#include "core/digest_text.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>

namespace automask::core {
namespace {

constexpr std::size_t digest_bytes = 32, hex_digits = 64, base64_digits = 43;

bool is_lower_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

}  // namespace

std::string digest_base64(const std::string& hex) {
  if (hex.size() != hex_digits || !std::all_of(hex.begin(), hex.end(), is_lower_hex)) return hex;
  std::array<unsigned char, digest_bytes> bytes{};
  std::size_t size = 0;
  OPENSSL_hexstr2buf_ex(bytes.data(), bytes.size(), &size, hex.c_str(), '\0');
  std::array<unsigned char, base64_digits + 2> encoded{};  // one that fills up the last four, and a zero
  EVP_EncodeBlock(encoded.data(), bytes.data(), digest_bytes);
  std::string text(encoded.begin(), encoded.begin() + base64_digits);
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  return text;
}

std::string digest_hex(const std::string& base64) {
  if (base64.size() != base64_digits) return base64;
  std::string text = base64 + '=';
  std::replace(text.begin(), text.end(), '-', '+');
  std::replace(text.begin(), text.end(), '_', '/');
  std::array<unsigned char, digest_bytes + 1> bytes{};  // OpenSSL counts the filling, too
  if (EVP_DecodeBlock(bytes.data(), reinterpret_cast<const unsigned char*>(text.data()),
                      static_cast<int>(text.size())) != static_cast<int>(bytes.size()))
    return base64;
  std::string hex(hex_digits + 1, '\0');
  OPENSSL_buf2hexstr_ex(hex.data(), hex.size(), nullptr, bytes.data(), digest_bytes, '\0');
  hex.pop_back();
  for (char& c : hex)
    if (c >= 'A') c = static_cast<char>(c - 'A' + 'a');
  return digest_base64(hex) == base64 ? hex : base64;  // another text may decode to the same bytes
}

}  // namespace automask::core
