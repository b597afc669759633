// Poisson(x c) / c: each value is a count of photons, c of which make white.
#include <cmath>

#include "corruptions/operators.h"

namespace automask::corruptions {
namespace {

constexpr Severities<int> photons = {60, 25, 12, 5, 3};

// Poisson numbers by inversion of the distribution function. A picture has 256 means only, so their functions are
// tabulated; the search starts at the mode and takes about a standard deviation of steps.
class PoissonTable {
 public:
  explicit PoissonTable(int most) {
    for (int value = 0; value < 256; ++value) {
      const double mean = static_cast<double>(most) * value / 255;
      const int mode = static_cast<int>(mean);
      // Relative to the mode's probability, outwards until nothing is left; the sum replaces exp(-mean), which would
      // come from libm.
      std::vector<double> mass(static_cast<std::size_t>(mode) + 1, 1.0);
      for (int k = mode; k > 0; --k)
        mass[static_cast<std::size_t>(k - 1)] = mass[static_cast<std::size_t>(k)] * k / mean;
      while (mass.back() > 0x1p-70) mass.push_back(mass.back() * mean / static_cast<double>(mass.size()));
      double below = 0;
      for (double& p : mass) p = below += p;
      for (double& p : mass) p /= below;
      mass.back() = 2;  // beyond every uniform number: ends the search
      rows_[static_cast<std::size_t>(value)] = {cumulative_.size(), mode};
      cumulative_.insert(cumulative_.end(), mass.begin(), mass.end());
      while (bytes_.size() < mass.size()) bytes_.push_back(to_byte(255.0 * static_cast<double>(bytes_.size()) / most));
    }
  }

  // The noisy value, of a uniform number in [0, 1).
  std::uint8_t draw(std::uint8_t value, double uniform) const {
    const Row& row = rows_[value];
    const double* below = &cumulative_[row.first];
    int k = row.mode;
    while (uniform >= below[k]) ++k;
    while (k > 0 && uniform < below[k - 1]) --k;
    return bytes_[static_cast<std::size_t>(k)];
  }

 private:
  struct Row {
    std::size_t first;
    int mode;
  };
  std::array<Row, 256> rows_;
  std::vector<double> cumulative_;   // P(count <= k) of every mean, one after the other
  std::vector<std::uint8_t> bytes_;  // count -> u8
};

const PoissonTable& table(int level) {
  static const Severities<PoissonTable> tables = {PoissonTable(photons[0]), PoissonTable(photons[1]),
                                                  PoissonTable(photons[2]), PoissonTable(photons[3]),
                                                  PoissonTable(photons[4])};
  return at_severity(tables, level);
}

cv::Mat apply_noise(const cv::Mat& picture, LinkContext& context) {
  const PoissonTable& poisson = table(context.level);
  cv::Mat result = same_shape(picture);
  const auto in = values(picture);
  const auto out = values(result);
  for (std::size_t i = 0; i < in.size(); ++i) out[i] = poisson.draw(in[i], context.random.uniform());
  return result;
}

core::Json parameters(int level) { return {{"photons", at_severity(photons, level)}}; }

}  // namespace

constinit const Operator shot_noise{"shot_noise", apply_noise, parameters};

}  // namespace automask::corruptions
