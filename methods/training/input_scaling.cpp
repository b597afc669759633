#include "methods/training/input_scaling.h"

#include <algorithm>
#include <cmath>

namespace automask::methods {

models::InputScaling scaling_of(const datasets::PictureSet& set) {
  std::vector<std::uint64_t> sum(set.channels), squares(set.channels);
  for (std::size_t i = 0; i < set.pixels.size(); ++i) {
    const std::uint64_t value = set.pixels[i];
    sum[i % set.channels] += value;
    squares[i % set.channels] += value * value;
  }
  models::InputScaling scaling;
  const double count = double(set.pixels.size()) / set.channels;
  for (int c = 0; c < set.channels; ++c) {
    const double mean = double(sum[c]) / count;
    const double variance = std::max(double(squares[c]) / count - mean * mean, 1.0);
    scaling.mean.push_back(static_cast<float>(mean / 255));
    scaling.deviation.push_back(static_cast<float>(std::sqrt(variance) / 255));
  }
  return scaling;
}

models::InputScaling input_scaling_of(const TrainJob& job) {
  return job.preprocessing ? job.preprocessing->scaling : scaling_of(*job.train);
}

}  // namespace automask::methods
