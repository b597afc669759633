// y = activation(scale[c] x + bias[c] + residual), for what could not join a convolution: a normalisation, an
// activation or an add of its own. Without scale and bias (null): 1 and 0.
#define PIXELS (OUT_HEIGHT * OUT_WIDTH)

KERNEL(affine)
(const Real* x, const float* __restrict__ scale, const float* __restrict__ bias, const Real* residual, Real* y) {
  const int at = (int)(blockIdx.x * blockDim.x + threadIdx.x);
  if (at >= OUT_CHANNELS * PIXELS) return;
  float value = to_float(x[at]);
  if (scale) value = value * scale[at / PIXELS] + bias[at / PIXELS];
  if (RESIDUAL) value += to_float(residual[at]);
  y[at] = to_real(activated(value));
}
