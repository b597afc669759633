#pragma once
// Poisson numbers for the 256 means that a picture's values stand for.
#include <array>
#include <cstdint>
#include <vector>

namespace automask::corruptions {

// By inversion of the distribution function, in steps of 2^-32, tabulated per value.
class PoissonTable {
 public:
  // Means at least 0.
  explicit PoissonTable(const std::array<double, 256>& means);

  int draw(std::uint8_t value, std::uint32_t word) const {
    const Row& row = rows_[value];
    const std::uint64_t* above = &above_[row.first];
    std::size_t k = row.guide[word >> shift];
    while (above[k] <= word) ++k;
    return row.lowest + static_cast<int>(k);
  }
  int most() const { return most_; }  // the largest number that can be drawn

 private:
  static constexpr int shift = 32 - 6;
  struct Row {
    std::size_t first = 0;
    int lowest = 0;
    std::array<std::uint16_t, 1 << 6> guide{};  // where to start, by the upper bits of the word
  };
  std::array<Row, 256> rows_;
  std::vector<std::uint64_t> above_;  // 2^32 P(number <= k) of every mean, one after the other
  int most_ = 0;
};

}  // namespace automask::corruptions
