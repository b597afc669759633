// A switch of conditions: gathers the kept channels' weights of all layers out of the union's, on the device, in one
// launch. A job is one layer: to[r, c] = from[row(r), columns[c]], 0 beyond `width`. Row r is channel rows[r / taps] at
// place r % taps of its window; a missing list is the identity. A block does 2048 values of one job.
struct RepackJob {
  const Real* from;
  Real* to;
  const int* rows;
  const int* columns;
  long long height, width, from_stride, to_stride, taps;
};
struct RepackBlock {
  int job, first;
};

KERNEL(repack)(const RepackJob* __restrict__ jobs, const RepackBlock* __restrict__ blocks) {
  const RepackBlock block = blocks[blockIdx.x];
  const RepackJob job = jobs[block.job];
  const int stride = (int)job.to_stride, taps = (int)job.taps, total = (int)job.height * stride;
#pragma unroll
  for (int i = 0; i < 8; ++i) {
    const int at = block.first + i * 256 + (int)threadIdx.x;
    if (at >= total) return;
    const int row = at / stride, column = at % stride;
    Real value = to_real(0.f);
    if (column < job.width) {
      const size_t source = job.rows ? (size_t)job.rows[row / taps] * taps + row % taps : (size_t)row;
      value = job.from[source * (size_t)job.from_stride + (job.columns ? job.columns[column] : column)];
    }
    job.to[at] = value;
  }
}
