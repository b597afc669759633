#include "core/philox.h"

#include "core/normal.h"

namespace automask::core {

std::array<std::uint32_t, 4> philox4x32_10(std::array<std::uint32_t, 4> c, std::array<std::uint32_t, 2> k) {
  // Multipliers and Weyl constants: table 2 and section 4.3 of the paper.
  constexpr std::uint64_t m0 = 0xD2511F53u, m1 = 0xCD9E8D57u;
  constexpr std::uint32_t w0 = 0x9E3779B9u, w1 = 0xBB67AE85u;
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = m0 * c[0], p1 = m1 * c[2];
    c = {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ k[0], static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ k[1], static_cast<std::uint32_t>(p0)};
    k[0] += w0;
    k[1] += w1;
  }
  return c;
}

std::uint32_t RandomStream::next() {
  if (left_ == 0) {
    words_ = philox4x32_10({static_cast<std::uint32_t>(block_), static_cast<std::uint32_t>(block_ >> 32),
                            static_cast<std::uint32_t>(stream_), static_cast<std::uint32_t>(stream_ >> 32)},
                           {static_cast<std::uint32_t>(key_), static_cast<std::uint32_t>(key_ >> 32)});
    ++block_;
    left_ = 4;
  }
  return words_[4 - left_--];
}

double RandomStream::uniform() {
  const std::uint64_t high = next(), low = next();
  return static_cast<double>(((high << 32) | low) >> 11) * 0x1p-53;
}

float RandomStream::uniform_float() { return static_cast<float>(next() >> 8) * 0x1p-24F; }

double RandomStream::normal() {
  const std::uint64_t high = next(), low = next();
  // 52 bits and a half: never 0 or 1, and symmetric about 1/2.
  return normal_quantile((static_cast<double>(((high << 32) | low) >> 12) + 0.5) * 0x1p-52);
}

std::uint32_t RandomStream::below(std::uint32_t bound) {
  // Lemire's rejection: unbiased, one multiplication in the usual case.
  std::uint64_t product = static_cast<std::uint64_t>(next()) * bound;
  if (static_cast<std::uint32_t>(product) < bound) {
    const std::uint32_t threshold = (0u - bound) % bound;
    while (static_cast<std::uint32_t>(product) < threshold) product = static_cast<std::uint64_t>(next()) * bound;
  }
  return static_cast<std::uint32_t>(product >> 32);
}

}  // namespace automask::core
