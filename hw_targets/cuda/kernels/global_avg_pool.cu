// The mean of a channel: a warp each, four to a block, summed in float.
#define PIXELS (IN_HEIGHT * IN_WIDTH)

KERNEL(global_avg_pool)(const Real* __restrict__ x, Real* y) {
  const int lane = (int)threadIdx.x % 32, channel = (int)(blockIdx.x * 4 + threadIdx.x / 32);
  if (channel >= OUT_CHANNELS) return;  // the whole warp
  float sum = 0.f;
  for (int i = lane; i < PIXELS; i += 32) sum += to_float(x[(size_t)channel * PIXELS + i]);
  sum = sum_of_warp(sum);
  if (lane == 0) y[channel] = to_real(activated(sum / (float)PIXELS));
}
