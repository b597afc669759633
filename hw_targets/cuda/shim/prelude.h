// kernels/prelude.cu for this processor. Included by kernels.h alone, once per number format, HALF being defined.
// No #pragma once: it is meant to be read twice.

#if HALF
typedef unsigned short Real;
typedef unsigned Pair;

inline _Float16 number(Real bits) {
  _Float16 value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
inline Real bits_of(_Float16 value) {
  Real bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}
inline float to_float(Real value) { return static_cast<float>(number(value)); }
inline Real rounded(float value) { return bits_of(static_cast<_Float16>(value)); }
inline Real low(Pair pair) { return static_cast<Real>(pair & 0xffffU); }
inline Real high(Pair pair) { return static_cast<Real>(pair >> 16); }
inline Pair pair_of(Real first, Real second) { return first | static_cast<Pair>(second) << 16; }
inline Pair twice(Real value) { return pair_of(value, value); }
// One rounding from double, which holds product and sum of halves exactly but for sums of very different size.
inline Real multiply_add_one(Real a, Real b, Real c) {
  return bits_of(static_cast<_Float16>(static_cast<double>(number(a)) * static_cast<double>(number(b)) +
                                       static_cast<double>(number(c))));
}
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
