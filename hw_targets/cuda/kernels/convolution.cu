// A convolution without groups as an implicit matrix product: [OUT_CHANNELS, products] x [products, pixels], where a
// product is an input channel at one place of the window. Weights lie as [products, WEIGHT_STRIDE], output channels
// side by side. Then y = activation(scale[m] * sum + bias[m] + residual).
//
// A block computes TILE_M x TILE_N outputs with TILE_M * TILE_N / 32 threads, each 8 x 4 of them. While one tile of
// products is multiplied, the next is on its way into registers.
//
// Half: a pair is two output channels of one pixel. A tile's products are summed in half, tiles in float: summing
// thousands of products in half would lose the second digit.
//
// INDEXED: weights are the union's; in_list and out_list name the channels that the condition keeps.
#define WINDOW (KERNEL_H * KERNEL_W)
#define PRODUCTS (IN_CHANNELS * WINDOW)
#define PIXELS (OUT_HEIGHT * OUT_WIDTH)
#define THREADS (TILE_M * TILE_N / 32)
#define WEIGHT_LOADS (TILE_K * TILE_M / THREADS)
#define PIXEL_LOADS (TILE_K * TILE_N / THREADS)

__device__ __forceinline__ Real weight_at(const Real* weights, const int* in_list, const int* out_list, int product,
                                          int channel) {
  if (product >= PRODUCTS || channel >= OUT_CHANNELS) return to_real(0.f);
  if (!INDEXED) return weights[(size_t)product * WEIGHT_STRIDE + channel];
  const int row = in_list[product / WINDOW] * WINDOW + product % WINDOW;
  return weights[(size_t)row * WEIGHT_STRIDE + out_list[channel]];
}

// x at a product's place for the pixel whose window begins at (top, left).
__device__ __forceinline__ Real pixel_at(const Real* x, int product, bool inside, int top, int left) {
  const int place = product % WINDOW;
  const int row = top + place / KERNEL_W * DILATION_H, column = left + place % KERNEL_W * DILATION_W;
  if (!inside || product >= PRODUCTS || row < 0 || row >= IN_HEIGHT || column < 0 || column >= IN_WIDTH)
    return to_real(0.f);
  return x[(product / WINDOW * IN_HEIGHT + row) * IN_WIDTH + column];
}

KERNEL(convolution)
(const Real* __restrict__ x, const Real* __restrict__ weights, const float* __restrict__ scale,
 const float* __restrict__ bias, const Real* residual, const int* __restrict__ in_list,
 const int* __restrict__ out_list, Real* y) {
  SHARED(Real, weight_tile, TILE_K * TILE_M);
  SHARED(Real, pixel_tile, TILE_K * TILE_N);
  REGISTERS(Real, next_weights, WEIGHT_LOADS);
  REGISTERS(Real, next_pixels, PIXEL_LOADS);
  const int thread = (int)threadIdx.x;
  const int first_channel = (int)blockIdx.y * TILE_M, first_pixel = (int)blockIdx.x * TILE_N;

  // A thread loads from one column of each tile.
  const int weight_column = thread % TILE_M, weight_row = thread / TILE_M;
  const int pixel_column = thread % TILE_N, pixel_row = thread / TILE_N;
  const int pixel = first_pixel + pixel_column;
  const bool inside = pixel < PIXELS;
  const int top = pixel / OUT_WIDTH * STRIDE_H - PAD_TOP, left = pixel % OUT_WIDTH * STRIDE_W - PAD_LEFT;

  const int channel_at = thread / (TILE_N / 4) * 8, pixel_at_ = thread % (TILE_N / 4) * 4;
  float sums[8][4] = {};

#pragma unroll
  for (int i = 0; i < WEIGHT_LOADS; ++i)
    next_weights[i] = weight_at(weights, in_list, out_list, weight_row + i * (THREADS / TILE_M),
                                first_channel + weight_column);
#pragma unroll
  for (int i = 0; i < PIXEL_LOADS; ++i)
    next_pixels[i] = pixel_at(x, pixel_row + i * (THREADS / TILE_N), inside, top, left);

  for (int product = 0; product < PRODUCTS; product += TILE_K) {
#pragma unroll
    for (int i = 0; i < WEIGHT_LOADS; ++i)
      weight_tile[(weight_row + i * (THREADS / TILE_M)) * TILE_M + weight_column] = next_weights[i];
#pragma unroll
    for (int i = 0; i < PIXEL_LOADS; ++i)
      pixel_tile[(pixel_row + i * (THREADS / TILE_N)) * TILE_N + pixel_column] = next_pixels[i];
    __syncthreads();
    if (product + TILE_K < PRODUCTS) {
      const int next = product + TILE_K;
#pragma unroll
      for (int i = 0; i < WEIGHT_LOADS; ++i)
        next_weights[i] = weight_at(weights, in_list, out_list, next + weight_row + i * (THREADS / TILE_M),
                                    first_channel + weight_column);
#pragma unroll
      for (int i = 0; i < PIXEL_LOADS; ++i)
        next_pixels[i] = pixel_at(x, next + pixel_row + i * (THREADS / TILE_N), inside, top, left);
    }
#if HALF
    Pair parts[4][4] = {};
#pragma unroll
    for (int k = 0; k < TILE_K; ++k) {
      const Real* w = weight_tile + k * TILE_M + channel_at;
      const Real* p = pixel_tile + k * TILE_N + pixel_at_;
      const Pair first = load_pair(p), second = load_pair(p + 2);
      const Pair pixels[4] = {twice(low(first)), twice(high(first)), twice(low(second)), twice(high(second))};
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const Pair channels = load_pair(w + 2 * i);
#pragma unroll
        for (int j = 0; j < 4; ++j) parts[i][j] = multiply_add(channels, pixels[j], parts[i][j]);
      }
    }
#pragma unroll
    for (int i = 0; i < 4; ++i)
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        sums[2 * i][j] += to_float(low(parts[i][j]));
        sums[2 * i + 1][j] += to_float(high(parts[i][j]));
      }
#else
#pragma unroll
    for (int k = 0; k < TILE_K; ++k) {
      const float4 w0 = load_four(weight_tile + k * TILE_M + channel_at);
      const float4 w1 = load_four(weight_tile + k * TILE_M + channel_at + 4);
      const float4 p = load_four(pixel_tile + k * TILE_N + pixel_at_);
      const float channels[8] = {w0.x, w0.y, w0.z, w0.w, w1.x, w1.y, w1.z, w1.w};
      const float pixels[4] = {p.x, p.y, p.z, p.w};
#pragma unroll
      for (int i = 0; i < 8; ++i)
#pragma unroll
        for (int j = 0; j < 4; ++j) sums[i][j] += channels[i] * pixels[j];
    }
#endif
    __syncthreads();
  }

#pragma unroll
  for (int i = 0; i < 8; ++i) {
    const int channel = first_channel + channel_at + i;
    if (channel >= OUT_CHANNELS) break;
    const float factor = scale[channel], offset = bias[channel];
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const int out = first_pixel + pixel_at_ + j;
      if (out >= PIXELS) break;
      const size_t at = (size_t)channel * PIXELS + out;
      float value = sums[i][j] * factor + offset;
      if (RESIDUAL) value += to_float(residual[at]);
      y[at] = to_real(activated(value));
    }
  }
}
