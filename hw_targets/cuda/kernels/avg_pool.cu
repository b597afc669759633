// One thread an output, summed in float. Padding counts where COUNT_PADDING says so; what a window covers beyond the
// padding (ceil_mode) never does.
#define OUTPUTS (OUT_CHANNELS * OUT_HEIGHT * OUT_WIDTH)

KERNEL(avg_pool)(const Real* __restrict__ x, Real* y) {
  const int at = (int)(blockIdx.x * blockDim.x + threadIdx.x);
  if (at >= OUTPUTS) return;
  const int channel = at / (OUT_HEIGHT * OUT_WIDTH), place = at % (OUT_HEIGHT * OUT_WIDTH);
  const int top = place / OUT_WIDTH * STRIDE_H - PAD_TOP, left = place % OUT_WIDTH * STRIDE_W - PAD_LEFT;
  const Real* plane = x + (size_t)channel * (IN_HEIGHT * IN_WIDTH);
  float sum = 0.f;
  int counted = 0;
  for (int ky = 0; ky < KERNEL_H; ++ky)
    for (int kx = 0; kx < KERNEL_W; ++kx) {
      const int row = top + ky, column = left + kx;
      const bool inside = row >= 0 && row < IN_HEIGHT && column >= 0 && column < IN_WIDTH;
      if (inside || (COUNT_PADDING && row < IN_HEIGHT + PAD_BOTTOM && column < IN_WIDTH + PAD_RIGHT)) ++counted;
      if (inside) sum += to_float(plane[row * IN_WIDTH + column]);
    }
  y[at] = to_real(activated(sum / (float)counted));
}
