// One thread an output. Windows may reach beyond the picture on every side; padding counts as -infinity.
#define OUTPUTS (OUT_CHANNELS * OUT_HEIGHT * OUT_WIDTH)

KERNEL(max_pool)(const Real* __restrict__ x, Real* y) {
  const int at = (int)(blockIdx.x * blockDim.x + threadIdx.x);
  if (at >= OUTPUTS) return;
  const int channel = at / (OUT_HEIGHT * OUT_WIDTH), place = at % (OUT_HEIGHT * OUT_WIDTH);
  const int top = place / OUT_WIDTH * STRIDE_H - PAD_TOP, left = place % OUT_WIDTH * STRIDE_W - PAD_LEFT;
  const Real* plane = x + (size_t)channel * (IN_HEIGHT * IN_WIDTH);
  float most = 0.f;
  bool any = false;
  for (int ky = 0; ky < KERNEL_H; ++ky)
    for (int kx = 0; kx < KERNEL_W; ++kx) {
      const int row = top + ky, column = left + kx;
      if (row < 0 || row >= IN_HEIGHT || column < 0 || column >= IN_WIDTH) continue;
      const float value = to_float(plane[row * IN_WIDTH + column]);
      if (!any || value > most) most = value;
      any = true;
    }
  y[at] = to_real(activated(most));
}
