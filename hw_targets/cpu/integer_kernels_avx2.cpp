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

// 8 sums of accumulator and bias -> 8 results as s32, not yet limited to s8.
inline __m256i requantised(__m256i sum, const UsualShift& r) {
  const __m256i half = _mm256_set1_epi64x(std::int64_t(1) << 31);
  const __m256i even = _mm256_add_epi64(_mm256_mul_epi32(sum, at(r.scaled_even)), half);
  const __m256i odd = _mm256_add_epi64(_mm256_mul_epi32(_mm256_srli_epi64(sum, 32), at(r.scaled_odd)), half);
  return _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa);
}
inline __m256i requantised(__m256i sum, const AnyShift& r) {
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
  } else if (outputs == 8) {
    _mm_storel_epi64(reinterpret_cast<__m128i*>(out), bytes);
  } else {
    alignas(16) std::int8_t all[16];
    _mm_store_si128(reinterpret_cast<__m128i*>(all), bytes);
    std::memcpy(out, all, static_cast<std::size_t>(outputs));
  }
}

// What becomes of the sums (bias included) of 16 channels of a pixel or two: each pixel's lie in two vectors, or in one
// where outputs <= 8. is_common: all shifts are usual, nothing is added and no output is missing, as nearly always.
struct Finishing {
  const UsualShift* usual;
  const AnyShift* any;
  int outputs;
  bool adds, is_common;
  __m256i low, high;
  Adding adding;
  Finishing(const Finish& finish, int count)
      : usual(finish.usual),
        any(finish.any),
        outputs(count),
        adds(finish.adds),
        is_common(usual && !adds && count % 8 == 0),
        low(_mm256_set1_epi8(finish.low)),
        high(_mm256_set1_epi8(finish.high)),
        adding(finish.residual) {}

  template <int vectors, class Requantiser>
  __m256i limited(const __m256i* one, const __m256i* two, const Requantiser* requantisers) const {
    __m256i of_one[2] = {}, of_two[2] = {};
#pragma GCC unroll 2
    for (int v = 0; v < vectors; ++v) {
      of_one[v] = requantised(one[v], requantisers[v]);
      of_two[v] = requantised(two[v], requantisers[v]);
    }
    const __m256i bytes =
        _mm256_packs_epi16(_mm256_packs_epi32(of_one[0], of_one[1]), _mm256_packs_epi32(of_two[0], of_two[1]));
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    return _mm256_permutevar8x32_epi32(_mm256_min_epi8(_mm256_max_epi8(bytes, low), high), order);
  }
  template <int vectors, bool common>
  __m256i limited(const __m256i* one, const __m256i* two) const {
    return common || usual ? limited<vectors>(one, two, usual) : limited<vectors>(one, two, any);
  }
  template <int vectors, bool common>
  void put(__m128i bytes, std::int8_t* out, const std::int8_t* other) const {
    if (common)
      store(bytes, vectors * 8, out);
    else
      store(adds ? adding(bytes, half_at(other)) : bytes, outputs, out);
  }
  template <int vectors, bool common>
  void finish(const __m256i* one, std::int8_t* out, const std::int8_t* other) const {
    put<vectors, common>(_mm256_castsi256_si128(limited<vectors, common>(one, one)), out, other);
  }
  // The second pixel's values lie `stride` bytes further.
  template <int vectors, bool common>
  void finish(const __m256i* one, const __m256i* two, std::int8_t* out, const std::int8_t* other,
              std::ptrdiff_t stride) const {
    const __m256i bytes = limited<vectors, common>(one, two);
    put<vectors, common>(_mm256_castsi256_si128(bytes), out, other);
    put<vectors, common>(_mm256_extracti128_si256(bytes, 1), out + stride, adds ? other + stride : nullptr);
  }
};

// The sums of products of four bytes each. Signed values come as two s16. Values of 0 to 127 make sums of two products
// that fit 16 bits: the multiplication of u8 and s8 never saturates.
template <bool is_signed>
inline __m256i multiplied(__m256i values, __m256i weights) {
  if constexpr (is_signed) return _mm256_madd_epi16(values, weights);
  return _mm256_madd_epi16(_mm256_maddubs_epi16(values, weights), _mm256_set1_epi16(1));
}

enum class Ending { sums, common, any };  // accumulators as they are, or Finishing

template <int pixels, int vectors, bool is_signed, Ending ending>
void tile(const Product& p, const Finishing* finishing, int first) {
  const std::int8_t* from[pixels];
#pragma GCC unroll 6
  for (int i = 0; i < pixels; ++i) from[i] = p.source + p.offsets[first + i];
  __m256i sums[pixels][vectors];
#pragma GCC unroll 6
  for (int i = 0; i < pixels; ++i)
#pragma GCC unroll 2
    for (int v = 0; v < vectors; ++v) sums[i][v] = finishing ? at(p.finish.bias + v * 8) : _mm256_setzero_si256();
  const std::int8_t* panel = p.panel;
  for (int run = 0; run < p.run_count; ++run) {
    std::ptrdiff_t offset = p.runs[run];
#pragma GCC unroll 2
    for (int g = 0; g < p.groups; ++g, offset += 4, panel += vectors * 32) {
#pragma GCC unroll 6
      for (int i = 0; i < pixels; ++i) {
        std::int32_t four;
        __builtin_memcpy(&four, from[i] + offset, 4);
        const __m256i values = _mm256_set1_epi32(four);
#pragma GCC unroll 2
        for (int v = 0; v < vectors; ++v)
          sums[i][v] = _mm256_add_epi32(sums[i][v], multiplied<is_signed>(values, at(panel + v * 32)));
      }
    }
  }
  if constexpr (ending == Ending::sums) {
#pragma GCC unroll 6
    for (int i = 0; i < pixels; ++i) {
      alignas(32) std::int32_t all[16];
#pragma GCC unroll 2
      for (int v = 0; v < vectors; ++v) _mm256_store_si256(reinterpret_cast<__m256i*>(all + v * 8), sums[i][v]);
      std::memcpy(p.accumulators + (first + i) * p.stride, all, static_cast<std::size_t>(p.outputs) * 4);
    }
    return;
  }
#pragma GCC unroll 3
  for (int i = 0; i < pixels; i += 2) {
    const std::ptrdiff_t place = (first + i) * p.stride;
    constexpr bool common = ending == Ending::common;
    const std::int8_t* other = finishing->adds ? p.other + place : nullptr;
    if (i + 1 < pixels)
      finishing->finish<vectors, common>(sums[i], sums[i + 1], p.out + place, other, p.stride);
    else
      finishing->finish<vectors, common>(sums[i], p.out + place, other);
  }
}

template <int vectors, bool is_signed, Ending ending>
void tiles(const Product& p, const Finishing* finishing) {
  int i = 0;
  for (; i + tile_pixels <= p.count; i += tile_pixels) tile<tile_pixels, vectors, is_signed, ending>(p, finishing, i);
  switch (p.count - i) {
    case 1:
      return tile<1, vectors, is_signed, ending>(p, finishing, i);
    case 2:
      return tile<2, vectors, is_signed, ending>(p, finishing, i);
    case 3:
      return tile<3, vectors, is_signed, ending>(p, finishing, i);
    case 4:
      return tile<4, vectors, is_signed, ending>(p, finishing, i);
    case 5:
      return tile<5, vectors, is_signed, ending>(p, finishing, i);
    default:
      return;
  }
}

template <Ending ending>
void tiles(const Product& p, const Finishing* finishing) {
  if (p.outputs > 8)
    p.is_signed ? tiles<2, true, ending>(p, finishing) : tiles<2, false, ending>(p, finishing);
  else
    p.is_signed ? tiles<1, true, ending>(p, finishing) : tiles<1, false, ending>(p, finishing);
}

void product(const Product& p) {
  if (p.accumulators) return tiles<Ending::sums>(p, nullptr);
  const Finishing finishing(p.finish, p.outputs);
  finishing.is_common ? tiles<Ending::common>(p, &finishing) : tiles<Ending::any>(p, &finishing);
}

// Pairs of two taps, channels 0-3 and 8-11 in `low`, the others in `high`.
struct Pair {
  __m256i low, high;
};
inline __m256i wide_at(const std::int8_t* address) { return _mm256_cvtepi8_epi16(half_at(address)); }
inline Pair pair_of(__m256i a, __m256i b) { return {_mm256_unpacklo_epi16(a, b), _mm256_unpackhi_epi16(a, b)}; }
inline void multiply_add(Pair& sums, const Pair& values, const std::int16_t* weights) {
  sums.low = _mm256_add_epi32(sums.low, _mm256_madd_epi16(values.low, at(weights)));
  sums.high = _mm256_add_epi32(sums.high, _mm256_madd_epi16(values.high, at(weights + 16)));
}
inline Pair in_order(const Pair& sums) {
  return {_mm256_permute2x128_si256(sums.low, sums.high, 0x20), _mm256_permute2x128_si256(sums.low, sums.high, 0x31)};
}
// The bias such that in_order gives it at its channel.
inline Pair bias_at(const std::int32_t* bias, int outputs) {
  const __m256i first = at(bias), second = outputs > 8 ? at(bias + 8) : _mm256_setzero_si256();
  return in_order({first, second});
}

// `of_layer` for the channels from c on.
inline Finishing from_channel(const Finishing& of_layer, const Depthwise& layer, int c) {
  Finishing finishing = of_layer;
  finishing.usual += finishing.usual ? c / 8 : 0;
  finishing.any += c / 8;
  finishing.outputs = layer.channels - c < lanes ? layer.channels - c : lanes;
  finishing.is_common = finishing.usual && !finishing.adds && finishing.outputs % 8 == 0;
  return finishing;
}

template <int vectors, bool common>
inline void depthwise_block(const Depthwise& layer, const Finishing& finishing, const std::int8_t* const* taps, int c,
                            const std::int16_t* weights, std::int8_t* out, const std::int8_t* other) {
  Pair sums = bias_at(layer.finish.bias + c, vectors * 8);
  for (int t = 0; t < layer.taps; t += 2)
    multiply_add(sums, pair_of(wide_at(taps[t] + c), wide_at(taps[t + 1] + c)), weights + t * 16);
  const Pair ordered = in_order(sums);
  const __m256i both[2] = {ordered.low, ordered.high};
  finishing.finish<vectors, common>(both, out + c, finishing.adds ? other + c : nullptr);
}

void depthwise(const Depthwise& layer, const std::int8_t* const* taps, std::int8_t* out, const std::int8_t* other) {
  const std::int16_t* weights = layer.weights;
  const Finishing of_layer(layer.finish, layer.channels);
  Finishing finishing = from_channel(of_layer, layer, 0);
  int c = 0;
  if (finishing.is_common)
    for (; c + lanes <= layer.channels; c += lanes, weights += layer.pairs * 32, finishing.usual += 2)
      depthwise_block<2, true>(layer, finishing, taps, c, weights, out, other);
  for (; c < layer.channels; c += lanes, weights += layer.pairs * 32) {
    const Finishing rest = from_channel(of_layer, layer, c);
    rest.outputs > 8 ? depthwise_block<2, false>(layer, rest, taps, c, weights, out, other)
                     : depthwise_block<1, false>(layer, rest, taps, c, weights, out, other);
  }
}

// Two neighbours: columns and the last row's pairs are there for both.
template <int stride>
inline void two_sums(const std::int8_t* const* rows, std::ptrdiff_t pixel, const std::int16_t* weights, Pair& one,
                     Pair& two) {
  constexpr int columns = 3 + stride;
  Pair last_row[3];
  __m256i before = _mm256_setzero_si256();
#pragma GCC unroll 5
  for (int k = 0; k < columns; ++k) {
    const Pair column = pair_of(wide_at(rows[0] + k * pixel), wide_at(rows[1] + k * pixel));
    if (k < 3) multiply_add(one, column, weights + k * 32);
    if (k >= stride) multiply_add(two, column, weights + (k - stride) * 32);
    const __m256i last = wide_at(rows[2] + k * pixel);
    if (k % 2 == 1) last_row[k / 2] = pair_of(before, last);
    if (k == 4) last_row[2] = pair_of(last, last);
    before = last;
  }
  multiply_add(one, last_row[0], weights + 3 * 32);
  multiply_add(one, last_row[1], weights + 4 * 32);
  if (stride == 1) {
    multiply_add(two, last_row[0], weights + 5 * 32);
    multiply_add(two, last_row[1], weights + 6 * 32);
  } else {
    multiply_add(two, last_row[1], weights + 3 * 32);
    multiply_add(two, last_row[2], weights + 4 * 32);
  }
}

inline Pair one_sum(const std::int8_t* const* rows, std::ptrdiff_t pixel, const std::int16_t* weights, Pair sum) {
#pragma GCC unroll 3
  for (int k = 0; k < 3; ++k)
    multiply_add(sum, pair_of(wide_at(rows[0] + k * pixel), wide_at(rows[1] + k * pixel)), weights + k * 32);
  const __m256i last = wide_at(rows[2] + 2 * pixel);
  multiply_add(sum, pair_of(wide_at(rows[2]), wide_at(rows[2] + pixel)), weights + 3 * 32);
  multiply_add(sum, pair_of(last, last), weights + 4 * 32);
  return sum;
}

template <int stride, int vectors, bool common>
void row_of_block(const Depthwise& layer, const Finishing& finishing, const DepthwiseRow& row, int c,
                  const std::int16_t* weights) {
  const Pair bias = bias_at(layer.finish.bias + c, vectors * 8);
  const std::ptrdiff_t pixel = layer.channels;
  const std::int8_t* rows[3] = {row.rows[0] + c, row.rows[1] + c, row.rows[2] + c};
  std::int8_t* out = row.out + c;
  const std::int8_t* other = finishing.adds ? row.other + c : nullptr;
  int x = 0;
  for (; x + 2 <= row.count; x += 2) {
    Pair one = bias, two = bias;
    two_sums<stride>(rows, pixel, weights, one, two);
    one = in_order(one);
    two = in_order(two);
    const __m256i both_one[2] = {one.low, one.high}, both_two[2] = {two.low, two.high};
    finishing.finish<vectors, common>(both_one, both_two, out, other, pixel);
    for (const std::int8_t*& r : rows) r += 2 * stride * pixel;
    out += 2 * pixel;
    if (other) other += 2 * pixel;
  }
  if (x == row.count) return;
  const Pair last = in_order(one_sum(rows, pixel, weights, bias));
  const __m256i both[2] = {last.low, last.high};
  finishing.finish<vectors, common>(both, out, other);
}

template <int stride>
void blocks_of_row(const Depthwise& layer, const DepthwiseRow& row) {
  const std::int16_t* weights = layer.weights;
  const Finishing of_layer(layer.finish, layer.channels);
  for (int c = 0; c < layer.channels; c += lanes, weights += layer.pairs * 32) {
    const Finishing finishing = from_channel(of_layer, layer, c);
    if (finishing.outputs <= 8)
      row_of_block<stride, 1, false>(layer, finishing, row, c, weights);
    else if (finishing.is_common)
      row_of_block<stride, 2, true>(layer, finishing, row, c, weights);
    else
      row_of_block<stride, 2, false>(layer, finishing, row, c, weights);
  }
}

void depthwise_row(const Depthwise& layer, const DepthwiseRow& row) {
  row.stride == 1 ? blocks_of_row<1>(layer, row) : blocks_of_row<2>(layer, row);
}

void add(const Residual& residual, const std::int8_t* own, const std::int8_t* other, std::size_t count,
         std::int8_t* out) {
  const Adding adding(residual);
  std::size_t i = 0;
  for (; i + 16 <= count; i += 16) store(adding(half_at(own + i), half_at(other + i)), 16, out + i);
  for (; i < count; ++i) out[i] = sum_of(residual, own[i], other[i]);
}

}  // namespace

const Kernels avx2_kernels = {"avx2", product, depthwise, depthwise_row, largest, sum, add, widen};

}  // namespace automask::cpu

#else
namespace automask::cpu {
const Kernels avx2_kernels = plain_kernels;
}
#endif
