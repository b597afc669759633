// kernels/prelude.cu for this processor. Included by kernels.h alone, once per number format, HALF being defined.
// No #pragma once: it is meant to be read twice.

#if HALF
typedef unsigned short Real;
typedef unsigned Pair;

// By table and by bits: without the processor's own conversions, _Float16 calls a function for each.
const float* const value_of_half = half_table();
inline float to_float(Real value) { return value_of_half[value]; }
inline Real rounded(float value) { return half_of(value); }
inline Real low(Pair pair) { return static_cast<Real>(pair & 0xffffU); }
inline Real high(Pair pair) { return static_cast<Real>(pair >> 16); }
inline Pair pair_of(Real first, Real second) { return first | static_cast<Pair>(second) << 16; }
inline Pair twice(Real value) { return pair_of(value, value); }
// The product of two halves is exact in float; their sum is rounded twice, a GPU's once: they differ in a half's last
// bit, and seldom.
inline Real multiply_add_one(Real a, Real b, Real c) { return half_of(to_float(a) * to_float(b) + to_float(c)); }
inline Pair multiply_add(Pair a, Pair b, Pair c) {
  return pair_of(multiply_add_one(low(a), low(b), low(c)), multiply_add_one(high(a), high(b), high(c)));
}
inline Pair load_pair(const Real* at) {
  if (reinterpret_cast<std::uintptr_t>(at) % sizeof(Pair) != 0) throw std::logic_error("a pair is not aligned");
  Pair pair;
  std::memcpy(&pair, at, sizeof pair);
  return pair;
}
#else
typedef float Real;
struct float4 {
  float x, y, z, w;
};
inline float to_float(Real value) { return value; }
inline Real rounded(float value) { return value; }
inline float4 load_four(const float* at) {
  if (reinterpret_cast<std::uintptr_t>(at) % sizeof(float4) != 0) throw std::logic_error("four are not aligned");
  float4 four;
  std::memcpy(&four, at, sizeof four);
  return four;
}
#endif
