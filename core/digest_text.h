#pragma once
// A SHA-256 in fewer characters, for files that hold many: 43 digits of base64url (RFC 4648, section 5) instead of 64
// lower-case hexadecimal ones.
#include <string>

namespace automask::core {

// What is no such digest stays as it is.
std::string digest_base64(const std::string& hex);
std::string digest_hex(const std::string& base64);

}  // namespace automask::core
