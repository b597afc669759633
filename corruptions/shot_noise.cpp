// Poisson(x c) / c: each value is a count of photons, c of which make white.
#include "corruptions/operators.h"

namespace automask::corruptions {
namespace {

constexpr Severities<int> photons = {60, 25, 12, 5, 3};

// Poisson numbers by inversion of the distribution function, in steps of 2^-32. A picture has 256 means only, so their
// functions are tabulated.
class PoissonTable {
 public:
  explicit PoissonTable(int white) {
    for (int value = 0; value < 256; ++value) {
      const double mean = static_cast<double>(white) * value / 255;
      const int mode = static_cast<int>(mean);
      // Relative to the mode's probability, outwards until nothing is left; the sum replaces exp(-mean), which would
      // come from libm and differ between hosts.
      std::vector<double> mass(static_cast<std::size_t>(mode) + 1, 1.0);
      for (auto k = static_cast<std::size_t>(mode); k > 0; --k) mass[k - 1] = mass[k] * static_cast<double>(k) / mean;
      while (mass.back() > 0x1p-70) mass.push_back(mass.back() * mean / static_cast<double>(mass.size()));
      double sum = 0;
      for (const double p : mass) sum += p;

      Row& row = rows_[static_cast<std::size_t>(value)];
      row.first = above_.size();
      double below = 0;
      for (const double p : mass) {
        below += p;
        above_.push_back(static_cast<std::uint64_t>(below / sum * 0x1p32 + 0.5));
      }
      above_.back() = std::uint64_t{1} << 32;  // ends the search
      std::size_t k = 0;
      for (std::size_t slot = 0; slot < row.guide.size(); ++slot) {
        while (above_[row.first + k] <= slot << shift) ++k;
        row.guide[slot] = static_cast<std::uint8_t>(k);
      }
      while (bytes_.size() < mass.size()) bytes_.push_back(to_byte(255.0 * static_cast<double>(bytes_.size()) / white));
    }
  }

  std::uint8_t draw(std::uint8_t value, std::uint32_t word) const {
    const Row& row = rows_[value];
    const std::uint64_t* above = &above_[row.first];
    std::size_t k = row.guide[word >> shift];
    while (above[k] <= word) ++k;
    return bytes_[k];
  }

 private:
  static constexpr int shift = 32 - 6;
  struct Row {
    std::size_t first;
    std::array<std::uint8_t, 1 << 6> guide;  // where to start, by the upper bits of the word
  };
  std::array<Row, 256> rows_;
  std::vector<std::uint64_t> above_;  // 2^32 P(count <= k) of every mean, one after the other
  std::vector<std::uint8_t> bytes_;   // count -> u8
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
  for_each_word(context.random, in.size(),
                [&](std::size_t i, std::uint32_t word) { out[i] = poisson.draw(in[i], word); });
  return result;
}

core::Json parameters(int level) { return {{"photons", at_severity(photons, level)}}; }

}  // namespace

constinit const Operator shot_noise{"shot_noise", apply_noise, parameters};

}  // namespace automask::corruptions
