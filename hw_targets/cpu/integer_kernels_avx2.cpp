#include <cstring>

#include "hw_targets/cpu/integer_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

// From here on, and no library function is instantiated below: the linker might keep that for everyone.
#pragma GCC target("avx2")

#include "hw_targets/cpu/integer_loops.h"

namespace automask::cpu {
namespace {

__m256i at(const void* address) { return _mm256_loadu_si256(static_cast<const __m256i*>(address)); }
__m128i half_at(const void* address) { return _mm_loadu_si128(static_cast<const __m128i*>(address)); }

// 8 accumulators -> 8 results as s32, not yet limited to s8.
inline __m256i requantised(__m256i accumulators, const Requantiser& r) {
  __m256i sum = _mm256_add_epi32(accumulators, at(r.bias));
  sum = _mm256_min_epi32(_mm256_max_epi32(sum, at(r.low)), at(r.high));
  const __m256i multiplier = at(r.multiplier);
  __m256i even = _mm256_mul_epi32(sum, multiplier);
  __m256i odd = _mm256_mul_epi32(_mm256_srli_epi64(sum, 32), _mm256_srli_epi64(multiplier, 32));
  even = _mm256_srlv_epi64(_mm256_add_epi64(even, at(r.added_even)), at(r.shift_even));
  odd = _mm256_srlv_epi64(_mm256_add_epi64(odd, at(r.added_odd)), at(r.shift_odd));
  const __m256i both = _mm256_or_si256(even, _mm256_slli_epi64(odd, 32));
  return _mm256_sub_epi32(both, _mm256_set1_epi32(1 << 16));
}

struct Adding {
  __m256i multipliers, half;
  __m128i shift;
  __m128i low, high;
  explicit Adding(const Residual& r)
      : multipliers(_mm256_set1_epi32((std::int32_t(r.other_multiplier) << 16) | (r.own_multiplier & 0xffff))),
        half(_mm256_set1_epi32(r.shift == 0 || r.shift >= 25 ? 0 : 1 << (r.shift - 1))),
        shift(_mm_cvtsi32_si128(r.shift)),
        low(_mm_set1_epi8(r.low)),
        high(_mm_set1_epi8(r.high)) {
    if (r.shift >= 25) multipliers = _mm256_setzero_si256();
  }
  __m128i operator()(__m128i own, __m128i other) const {
    const __m256i a = _mm256_cvtepi8_epi16(own), b = _mm256_cvtepi8_epi16(other);
    __m256i first = _mm256_madd_epi16(_mm256_unpacklo_epi16(a, b), multipliers);
    __m256i second = _mm256_madd_epi16(_mm256_unpackhi_epi16(a, b), multipliers);
    first = _mm256_sra_epi32(_mm256_add_epi32(first, half), shift);
    second = _mm256_sra_epi32(_mm256_add_epi32(second, half), shift);
    const __m256i words = _mm256_packs_epi32(first, second);  // undoes the unpacking
    const __m128i bytes = _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    return _mm_min_epi8(_mm_max_epi8(bytes, low), high);
  }
};

inline void store(__m128i bytes, int outputs, std::int8_t* out) {
  if (outputs == 16) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), bytes);
  } else {
    alignas(16) std::int8_t all[16];
    _mm_store_si128(reinterpret_cast<__m128i*>(all), bytes);
    std::memcpy(out, all, static_cast<std::size_t>(outputs));
  }
}

// 16 accumulators in two vectors of 8 (the second unused where outputs <= 8).
inline __m128i finished(__m256i first, __m256i second, const Requantiser* r, bool two, __m128i low, __m128i high) {
  first = requantised(first, r[0]);
  second = two ? requantised(second, r[1]) : _mm256_setzero_si256();
  __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(first, second), 0xd8);
  const __m128i bytes = _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
  return _mm_min_epi8(_mm_max_epi8(bytes, low), high);
}

// Values of 0 to 127 make sums of two products that fit 16 bits: the multiplication of u8 and s8 never saturates. For
// negative values the sign moves to the weights.
template <int pixels, int vectors, bool is_signed>
void tile(const Product& p, int first) {
  const std::int8_t* from[pixels];
  for (int i = 0; i < pixels; ++i) from[i] = p.source + p.offsets[first + i];
  __m256i sums[pixels][vectors];
  for (int i = 0; i < pixels; ++i)
    for (int v = 0; v < vectors; ++v) sums[i][v] = _mm256_setzero_si256();
  const __m256i ones = _mm256_set1_epi16(1);
  const std::int8_t* panel = p.panel;
  for (int run = 0; run < p.run_count; ++run) {
    std::ptrdiff_t offset = p.runs[run];
    for (int g = 0; g < p.groups; ++g, offset += 4, panel += vectors * 32) {
      __m256i weights[vectors];
      for (int v = 0; v < vectors; ++v) weights[v] = at(panel + v * 32);
#pragma GCC unroll 6
      for (int i = 0; i < pixels; ++i) {
        std::int32_t four;
        __builtin_memcpy(&four, from[i] + offset, 4);
        const __m256i values = _mm256_set1_epi32(four);
#pragma GCC unroll 2
        for (int v = 0; v < vectors; ++v) {
          const __m256i pairs =
              is_signed ? _mm256_maddubs_epi16(_mm256_abs_epi8(values), _mm256_sign_epi8(weights[v], values))
                        : _mm256_maddubs_epi16(values, weights[v]);
          sums[i][v] = _mm256_add_epi32(sums[i][v], _mm256_madd_epi16(pairs, ones));
        }
      }
    }
  }
  if (p.accumulators) {
    for (int i = 0; i < pixels; ++i) {
      alignas(32) std::int32_t all[16];
      for (int v = 0; v < vectors; ++v) _mm256_store_si256(reinterpret_cast<__m256i*>(all + v * 8), sums[i][v]);
      std::memcpy(p.accumulators + (first + i) * p.stride, all, static_cast<std::size_t>(p.outputs) * 4);
    }
    return;
  }
  const __m128i low = _mm_set1_epi8(p.finish.low), high = _mm_set1_epi8(p.finish.high);
  const Adding adding(p.finish.residual);
  for (int i = 0; i < pixels; ++i) {
    const std::ptrdiff_t place = (first + i) * p.stride;
    __m128i bytes = finished(sums[i][0], sums[i][vectors - 1], p.finish.vectors, vectors == 2, low, high);
    if (p.finish.adds) bytes = adding(bytes, half_at(p.other + place));
    store(bytes, p.outputs, p.out + place);
  }
}

template <int vectors, bool is_signed>
void tiles(const Product& p) {
  int i = 0;
  for (; i + tile_pixels <= p.count; i += tile_pixels) tile<tile_pixels, vectors, is_signed>(p, i);
  switch (p.count - i) {
    case 1:
      return tile<1, vectors, is_signed>(p, i);
    case 2:
      return tile<2, vectors, is_signed>(p, i);
    case 3:
      return tile<3, vectors, is_signed>(p, i);
    case 4:
      return tile<4, vectors, is_signed>(p, i);
    case 5:
      return tile<5, vectors, is_signed>(p, i);
    default:
      return;
  }
}

void product(const Product& p) {
  if (p.outputs > 8)
    p.is_signed ? tiles<2, true>(p) : tiles<2, false>(p);
  else
    p.is_signed ? tiles<1, true>(p) : tiles<1, false>(p);
}

void depthwise(const Depthwise& layer, const std::int8_t* const* taps, std::int8_t* out, const std::int8_t* other) {
  const __m128i low = _mm_set1_epi8(layer.finish.low), high = _mm_set1_epi8(layer.finish.high);
  const Adding adding(layer.finish.residual);
  const std::int16_t* weights = layer.weights;
  for (int c = 0; c < layer.channels; c += lanes) {
    __m256i first = _mm256_setzero_si256(), second = _mm256_setzero_si256();
    for (int t = 0; t < layer.taps; t += 2, weights += 32) {
      const __m256i a = _mm256_cvtepi8_epi16(half_at(taps[t] + c)), b = _mm256_cvtepi8_epi16(half_at(taps[t + 1] + c));
      first = _mm256_add_epi32(first, _mm256_madd_epi16(_mm256_unpacklo_epi16(a, b), at(weights)));
      second = _mm256_add_epi32(second, _mm256_madd_epi16(_mm256_unpackhi_epi16(a, b), at(weights + 16)));
    }
    const int outputs = layer.channels - c < lanes ? layer.channels - c : lanes;
    __m128i bytes =
        finished(_mm256_permute2x128_si256(first, second, 0x20), _mm256_permute2x128_si256(first, second, 0x31),
                 layer.finish.vectors + c / 8, outputs > 8, low, high);
    if (layer.finish.adds) bytes = adding(bytes, half_at(other + c));
    store(bytes, outputs, out + c);
  }
}

void add(const Residual& residual, const std::int8_t* own, const std::int8_t* other, std::size_t count,
         std::int8_t* out) {
  const Adding adding(residual);
  std::size_t i = 0;
  for (; i + 16 <= count; i += 16) store(adding(half_at(own + i), half_at(other + i)), 16, out + i);
  for (; i < count; ++i) out[i] = sum_of(residual, own[i], other[i]);
}

}  // namespace

const Kernels avx2_kernels = {"avx2", product, depthwise, largest, sum, add};

}  // namespace automask::cpu

#else
namespace automask::cpu {
const Kernels avx2_kernels = plain_kernels;
}
#endif
