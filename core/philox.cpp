#include "core/philox.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

#include "core/normal.h"

namespace automask::core {

namespace {

// Multipliers and Weyl constants: table 2 and section 4.3 of the paper.
constexpr std::uint64_t m0 = 0xD2511F53u, m1 = 0xCD9E8D57u;
constexpr std::uint32_t w0 = 0x9E3779B9u, w1 = 0xBB67AE85u;

constexpr std::uint32_t low(std::uint64_t x) { return static_cast<std::uint32_t>(x); }
constexpr std::uint32_t high(std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); }

constexpr std::size_t lanes = 8;

// `lanes` successive blocks, written so that compilers use vector instructions.
void several_blocks(std::uint64_t block, std::uint64_t stream, std::uint64_t key, std::uint32_t* out) {
  std::uint32_t c0[lanes], c1[lanes], c2[lanes], c3[lanes];
  for (std::size_t i = 0; i < lanes; ++i) {
    c0[i] = low(block + i);
    c1[i] = high(block + i);
    c2[i] = low(stream);
    c3[i] = high(stream);
  }
  std::uint32_t k0 = low(key), k1 = high(key);
  for (int round = 0; round < 10; ++round) {
    for (std::size_t i = 0; i < lanes; ++i) {
      const std::uint64_t p0 = m0 * c0[i], p1 = m1 * c2[i];
      c0[i] = high(p1) ^ c1[i] ^ k0;
      c1[i] = low(p1);
      c2[i] = high(p0) ^ c3[i] ^ k1;
      c3[i] = low(p0);
    }
    k0 += w0;
    k1 += w1;
  }
  for (std::size_t i = 0; i < lanes; ++i) {
    out[4 * i] = c0[i];
    out[4 * i + 1] = c1[i];
    out[4 * i + 2] = c2[i];
    out[4 * i + 3] = c3[i];
  }
}

#ifdef __x86_64__
// The same with AVX2, four blocks in a vector whose 64-bit lanes each hold a word of one block. Only lower halves
// count: the multiplication ignores what the upper ones gather. Lanes hold blocks 0, 2, 1, 3, so that the last shuffle
// leaves them in order.
__attribute__((target("avx2"))) void several_blocks_avx2(std::uint64_t block, std::uint64_t stream, std::uint64_t key,
                                                         std::uint32_t* out) {
  struct Four {
    __m256i c0, c1, c2, c3;
  };
  const auto counter = [&](std::uint64_t first) __attribute__((target("avx2"))) {
    const auto at = [&](std::uint64_t i) { return static_cast<long long>(first + i); };
    const __m256i number = _mm256_set_epi64x(at(3), at(1), at(2), at(0));
    const auto upper = static_cast<long long>(stream >> 32), lower = static_cast<long long>(stream & 0xFFFFFFFFu);
    return Four{number, _mm256_srli_epi64(number, 32), _mm256_set1_epi64x(lower), _mm256_set1_epi64x(upper)};
  };
  const __m256i m_0 = _mm256_set1_epi64x(m0), m_1 = _mm256_set1_epi64x(m1);
  Four a = counter(block), b = counter(block + 4);
  std::uint32_t k0 = low(key), k1 = high(key);
  for (int round = 0; round < 10; ++round) {
    const __m256i key0 = _mm256_set1_epi64x(k0), key1 = _mm256_set1_epi64x(k1);
    for (Four* c : {&a, &b}) {
      const __m256i p0 = _mm256_mul_epu32(m_0, c->c0), p1 = _mm256_mul_epu32(m_1, c->c2);
      c->c0 = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(p1, 32), c->c1), key0);
      c->c2 = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(p0, 32), c->c3), key1);
      c->c1 = p1;
      c->c3 = p0;
    }
    k0 += w0;
    k1 += w1;
  }
  for (const Four* c : {&a, &b}) {
    const __m256i first = _mm256_blend_epi32(c->c0, _mm256_slli_epi64(c->c1, 32), 0xAA);
    const __m256i second = _mm256_blend_epi32(c->c2, _mm256_slli_epi64(c->c3, 32), 0xAA);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), _mm256_unpacklo_epi64(first, second));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + 8), _mm256_unpackhi_epi64(first, second));
    out += 16;
  }
}

auto best_several_blocks() { return __builtin_cpu_supports("avx2") ? several_blocks_avx2 : several_blocks; }
#else
auto best_several_blocks() { return several_blocks; }
#endif

}  // namespace

std::array<std::uint32_t, 4> philox4x32_10(std::array<std::uint32_t, 4> c, std::array<std::uint32_t, 2> k) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = m0 * c[0], p1 = m1 * c[2];
    c = {high(p1) ^ c[1] ^ k[0], low(p1), high(p0) ^ c[3] ^ k[1], low(p0)};
    k[0] += w0;
    k[1] += w1;
  }
  return c;
}

void RandomStream::refill() {
  words_ = philox4x32_10({low(block_), high(block_), low(stream_), high(stream_)}, {low(key_), high(key_)});
  ++block_;
  left_ = 4;
}

void RandomStream::fill(std::span<std::uint32_t> out) {
  static const auto fill_blocks = best_several_blocks();
  std::size_t i = 0;
  while (i < out.size() && left_ > 0) out[i++] = next();
  for (; out.size() - i >= 4 * lanes; i += 4 * lanes, block_ += lanes) fill_blocks(block_, stream_, key_, &out[i]);
  while (i < out.size()) out[i++] = next();
}

double RandomStream::uniform() {
  const std::uint64_t upper = next(), lower = next();
  return static_cast<double>(((upper << 32) | lower) >> 11) * 0x1p-53;
}

float RandomStream::uniform_float() { return static_cast<float>(next() >> 8) * 0x1p-24F; }

double RandomStream::normal() {
  const std::uint64_t upper = next(), lower = next();
  // 52 bits and a half: never 0 or 1, and symmetric about 1/2.
  return normal_quantile((static_cast<double>(((upper << 32) | lower) >> 12) + 0.5) * 0x1p-52);
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
