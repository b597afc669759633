// A convolution in groups, depthwise ones among them: one thread an output, a block within one output channel, whose
// weights wait in shared memory. Such layers move more bytes than they multiply, so they are summed in float. Weights
// lie as [output channels, WEIGHT_STRIDE]. INDEXED: out_list names the rows.
#define WINDOW (KERNEL_H * KERNEL_W)
#define PIXELS (OUT_HEIGHT * OUT_WIDTH)
#define CHANNELS_OF_GROUP (IN_CHANNELS / GROUPS)
#define PRODUCTS (CHANNELS_OF_GROUP * WINDOW)
#define THREADS 128

KERNEL(grouped)
(const Real* __restrict__ x, const Real* __restrict__ weights, const float* __restrict__ scale,
 const float* __restrict__ bias, const Real* residual, const int* __restrict__ out_list, Real* y) {
  SHARED(float, kernel, PRODUCTS);
  const int channel = (int)blockIdx.y;
  const int row = INDEXED ? out_list[channel] : channel;
  for (int i = (int)threadIdx.x; i < PRODUCTS; i += THREADS)
    kernel[i] = to_float(weights[(size_t)row * WEIGHT_STRIDE + i]);
  __syncthreads();
  const int pixel = (int)(blockIdx.x * THREADS + threadIdx.x);
  if (pixel >= PIXELS) return;
  const int top = pixel / OUT_WIDTH * STRIDE_H - PAD_TOP, left = pixel % OUT_WIDTH * STRIDE_W - PAD_LEFT;
  const int first = channel / (OUT_CHANNELS / GROUPS) * CHANNELS_OF_GROUP;
  float sum = 0.f;
  for (int c = 0; c < CHANNELS_OF_GROUP; ++c) {
    const Real* plane = x + (size_t)(first + c) * (IN_HEIGHT * IN_WIDTH);
#pragma unroll
    for (int ky = 0; ky < KERNEL_H; ++ky) {
      const int y_ = top + ky * DILATION_H;
      if (y_ < 0 || y_ >= IN_HEIGHT) continue;
#pragma unroll
      for (int kx = 0; kx < KERNEL_W; ++kx) {
        const int x_ = left + kx * DILATION_W;
        if (x_ < 0 || x_ >= IN_WIDTH) continue;
        sum += to_float(plane[y_ * IN_WIDTH + x_]) * kernel[(c * KERNEL_H + ky) * KERNEL_W + kx];
      }
    }
  }
  const size_t at = (size_t)channel * PIXELS + pixel;
  float value = sum * scale[channel] + bias[channel];
  if (RESIDUAL) value += to_float(residual[at]);
  y[at] = to_real(activated(value));
}
