// The network's last values as float.
KERNEL(logits)(const Real* __restrict__ x, float* y) {
  const int at = (int)(blockIdx.x * blockDim.x + threadIdx.x);
  if (at < OUT_CHANNELS) y[at] = to_float(x[at]);
}
