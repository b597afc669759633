// What every kernel uses: one value (Real) and its arithmetic. No header of CUDA is needed, so that a machine that has
// only NVRTC compiles these. Half arithmetic is PTX of sm_53 and later.
#define KERNEL(name) extern "C" __global__ void name
#define SHARED(type, name, count) __shared__ __align__(16) type name[count]
#define REGISTERS(type, name, count) type name[count]

#if HALF
typedef unsigned short Real;  // the bits of an IEEE half
typedef unsigned Pair;        // two of them, the first in the low bits

__device__ __forceinline__ float to_float(Real value) {
  float result;
  asm("cvt.f32.f16 %0, %1;" : "=f"(result) : "h"(value));
  return result;
}
__device__ __forceinline__ Real rounded(float value) {
  Real result;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(result) : "f"(value));
  return result;
}
__device__ __forceinline__ Pair multiply_add(Pair a, Pair b, Pair c) {
  Pair result;
  asm("fma.rn.f16x2 %0, %1, %2, %3;" : "=r"(result) : "r"(a), "r"(b), "r"(c));
  return result;
}
__device__ __forceinline__ Real low(Pair pair) { return (Real)(pair & 0xffffu); }
__device__ __forceinline__ Real high(Pair pair) { return (Real)(pair >> 16); }
__device__ __forceinline__ Pair twice(Real value) {
  Pair result;
  asm("mov.b32 %0, {%1, %1};" : "=r"(result) : "h"(value));
  return result;
}
__device__ __forceinline__ Pair load_pair(const Real* at) { return *reinterpret_cast<const Pair*>(at); }
#else
typedef float Real;
__device__ __forceinline__ float to_float(Real value) { return value; }
__device__ __forceinline__ Real rounded(float value) { return value; }
__device__ __forceinline__ float4 load_four(const float* at) { return *reinterpret_cast<const float4*>(at); }
#endif
