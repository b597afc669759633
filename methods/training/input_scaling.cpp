#include "methods/training/input_scaling.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <vector>

#include "core/parallel.h"

namespace automask::methods {

models::InputScaling scaling_of(const datasets::PictureSet& set, int threads) {
  // Whole numbers: the same in any order.
  std::vector<std::atomic<std::uint64_t>> sum(set.channels), squares(set.channels);
  core::parallel_for(set.size(), threads, [&](std::size_t i) {
    std::vector<std::uint8_t> memory;
    std::vector<std::uint64_t> own(set.channels), own_squares(set.channels);
    std::size_t c = 0;
    for (const std::uint64_t value : set.picture(i, memory)) {
      own[c] += value;
      own_squares[c] += value * value;
      if (++c == own.size()) c = 0;
    }
    for (c = 0; c < own.size(); ++c) {
      sum[c] += own[c];
      squares[c] += own_squares[c];
    }
  });
  models::InputScaling scaling;
  const double count = double(set.size()) * set.height * set.width;
  for (int c = 0; c < set.channels; ++c) {
    const double mean = double(sum[c]) / count;
    const double variance = std::max(double(squares[c]) / count - mean * mean, 1.0);
    scaling.mean.push_back(static_cast<float>(mean / 255));
    scaling.deviation.push_back(static_cast<float>(std::sqrt(variance) / 255));
  }
  return scaling;
}

models::InputScaling input_scaling_of(const TrainJob& job) {
  if (job.preprocessing) return job.preprocessing->scaling;
  return job.scaling ? *job.scaling : scaling_of(*job.train, job.spec.train.threads);
}

}  // namespace automask::methods
