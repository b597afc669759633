#pragma once
// SHA-256 of bytes and files, and a hasher of named, delimited fields for content-addressed keys.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace automask::core {

// Incremental SHA-256 (FIPS 180-4, by OpenSSL).
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  Sha256& update(const void* data, std::size_t size);
  Sha256& update(std::string_view bytes) { return update(bytes.data(), bytes.size()); }
  std::string hex();  // 64 lower-case hex digits; the object takes no more bytes afterwards

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string sha256_hex(std::string_view bytes);
// Throws Error(steps_failed) when the file cannot be read.
std::string sha256_file(const std::filesystem::path& path);
// The first 8 bytes of SHA-256, big endian: image ids and random-stream keys.
std::uint64_t hash64(std::string_view bytes);

// Feeds "name length value" per field, so that no two sequences of fields give the same bytes; transcript() is
// what was eaten, readable, for `plan --explain`.
class FieldHasher {
 public:
  FieldHasher& add(std::string_view name, std::string_view value);
  FieldHasher& add(std::string_view name, std::int64_t value);
  std::string hex() const;
  const std::string& transcript() const { return transcript_; }

 private:
  std::string transcript_;
};

}  // namespace automask::core
