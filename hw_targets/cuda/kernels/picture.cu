// A picture u8 [H, W, C] to the network's input [C, H, W]: (level / 255 - mean[c]) / deviation[c], which the table
// [C][256] holds for every level.
#define PIXELS (IN_HEIGHT * IN_WIDTH)

KERNEL(picture)(const unsigned char* __restrict__ picture_, const float* __restrict__ table, Real* y) {
  const int at = (int)(blockIdx.x * blockDim.x + threadIdx.x);
  if (at >= IN_CHANNELS * PIXELS) return;
  const int channel = at / PIXELS, pixel = at % PIXELS;
  y[at] = to_real(table[channel * 256 + picture_[(size_t)pixel * IN_CHANNELS + channel]]);
}
