#include "core/hash.h"

#include <openssl/evp.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <vector>

#include "core/error.h"

namespace automask::core {

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  State() {
    if (context == nullptr || EVP_DigestInit_ex(context, EVP_sha256(), nullptr) != 1)
      throw Error(ExitCode::internal, "SHA-256", "OpenSSL cannot start a digest");
  }
  ~State() { EVP_MD_CTX_free(context); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
};

Sha256::Sha256() : state_(std::make_unique<State>()) {}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

Sha256& Sha256::update(const void* data, std::size_t size) {
  EVP_DigestUpdate(state_->context, data, size);
  return *this;
}

std::string Sha256::hex() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_DigestFinal_ex(state_->context, digest.data(), &size);
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * size);
  for (unsigned i = 0; i < size; ++i) {
    text.push_back(digits[digest[i] >> 4]);
    text.push_back(digits[digest[i] & 15]);
  }
  return text;
}

std::string sha256_hex(std::string_view bytes) { return Sha256().update(bytes).hex(); }

std::string sha256_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw Error(ExitCode::steps_failed, path.string(), std::string("cannot be read: ") + std::strerror(errno));
  Sha256 sha;
  std::vector<char> buffer(1 << 16);
  while (in) {
    in.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    sha.update(buffer.data(), static_cast<std::size_t>(in.gcount()));
  }
  if (in.bad()) throw Error(ExitCode::steps_failed, path.string(), "could not be read to its end");
  return sha.hex();
}

std::uint64_t hash64(std::string_view bytes) { return std::stoull(sha256_hex(bytes).substr(0, 16), nullptr, 16); }

FieldHasher& FieldHasher::add(std::string_view name, std::string_view value) {
  transcript_.append(name).append(" ").append(std::to_string(value.size())).append(" ").append(value).append("\n");
  return *this;
}

FieldHasher& FieldHasher::add(std::string_view name, std::int64_t value) { return add(name, std::to_string(value)); }

std::string FieldHasher::hex() const { return sha256_hex(transcript_); }

}  // namespace automask::core
