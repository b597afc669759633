// Over OUT_CHANNELS values, by one block of one warp: exp(x - largest) / sum, in float.
KERNEL(softmax)(const Real* x, Real* y) {
  const int lane = (int)threadIdx.x;
  float most = to_float(x[0]);
  for (int i = lane; i < OUT_CHANNELS; i += 32) most = fmaxf(most, to_float(x[i]));
  for (int distance = 16; distance > 0; distance /= 2)
    most = fmaxf(most, __shfl_xor_sync(0xffffffffu, most, distance));
  float sum = 0.f;
  for (int i = lane; i < OUT_CHANNELS; i += 32) sum += expf(to_float(x[i]) - most);
  for (int distance = 16; distance > 0; distance /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, distance);
  for (int i = lane; i < OUT_CHANNELS; i += 32) y[i] = to_real(expf(to_float(x[i]) - most) / sum);
}
