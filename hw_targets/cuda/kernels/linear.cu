// A fully connected layer of one picture: a warp an output, its lanes side by side along the weights' row, so that
// memory is read at its full width. Weights lie as [outputs, WEIGHT_STRIDE]. Summed in float.
// INDEXED: in_list and out_list name columns and rows of the union's weights.
KERNEL(linear)
(const Real* __restrict__ x, const Real* __restrict__ weights, const float* __restrict__ scale,
 const float* __restrict__ bias, const int* __restrict__ in_list, const int* __restrict__ out_list, Real* y) {
  const int lane = (int)threadIdx.x % 32, channel = (int)(blockIdx.x * 4 + threadIdx.x / 32);
  if (channel >= OUT_CHANNELS) return;  // the whole warp
  const Real* row = weights + (size_t)(INDEXED ? out_list[channel] : channel) * WEIGHT_STRIDE;
  float sum = 0.f;
#pragma unroll 4
  for (int i = lane; i < IN_CHANNELS; i += 32) sum += to_float(x[i]) * to_float(row[INDEXED ? in_list[i] : i]);
  sum = sum_of_warp(sum);
  if (lane == 0) y[channel] = to_real(activated(sum * scale[channel] + bias[channel]));
}
