// The part of the prelude that the launch shim compiles, too.

// A half that is too large becomes the largest one, not infinity: what follows stays a number.
__device__ __forceinline__ Real to_real(float value) {
#if HALF
  const float most = 65504.f;
  value = value > most ? most : value < -most ? -most : value;
#endif
  return rounded(value);
}

__device__ __forceinline__ float activated(float value) {
  if (ACTIVATION == 0) return value;
  // A comparison with a number that is none is false: such a value stays one.
  if (value < 0.f) return 0.f;
  return ACTIVATION == 2 && value > 6.f ? 6.f : value;
}

__device__ __forceinline__ float sum_of_warp(float value) {
  for (int distance = 16; distance > 0; distance /= 2) value += __shfl_down_sync(0xffffffffu, value, distance);
  return value;  // in lane 0
}
