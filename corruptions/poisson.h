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
    const Slot& slot = slots_[value][word >> shift];
    if (slot.rises > 1) [[unlikely]]
      return search(value, slot.start, word);
    return slot.start + (word > slot.last ? 1 : 0);
  }
  int most() const { return most_; }  // the largest number that can be drawn

 private:
  int search(std::uint8_t value, int start, std::uint32_t word) const {
    const Row& row = rows_[value];
    const std::uint64_t* above = &above_[row.first];
    auto k = static_cast<std::size_t>(start - row.lowest);
    while (above[k] <= word) ++k;
    return row.lowest + static_cast<int>(k);
  }

  // Words with the same upper bits: the number of the first, the last word that has it, and how often the number rises
  // after. That is mostly once at most, and no branch is needed.
  struct Slot {
    std::uint32_t last;
    std::uint16_t start, rises;
  };
  static constexpr int shift = 32 - 7;
  struct Row {
    std::size_t first = 0;
    int lowest = 0;
  };
  std::array<Row, 256> rows_;
  std::vector<std::array<Slot, 1 << (32 - shift)>> slots_{256};
  std::vector<std::uint64_t> above_;  // 2^32 P(number <= k) of every mean, one after the other
  int most_ = 0;
};

}  // namespace automask::corruptions
