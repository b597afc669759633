#include "corruptions/poisson.h"

#include <algorithm>

namespace automask::corruptions {

PoissonTable::PoissonTable(const std::array<double, 256>& means) {
  for (std::size_t value = 0; value < means.size(); ++value) {
    const double mean = means[value];
    const int mode = static_cast<int>(mean);
    // Relative to the mode's probability, outwards until nothing is left; the sum replaces exp(-mean), which would
    // come from libm and differ between hosts.
    constexpr double nothing = 0x1p-70;
    std::vector<double> mass(static_cast<std::size_t>(mode) + 1, 1.0);
    for (auto k = static_cast<std::size_t>(mode); k > 0; --k) mass[k - 1] = mass[k] * static_cast<double>(k) / mean;
    while (mass.back() > nothing) mass.push_back(mass.back() * mean / static_cast<double>(mass.size()));
    double sum = 0;
    for (const double p : mass) sum += p;

    Row& row = rows_[value];
    row.first = above_.size();
    row.lowest = -1;
    double below = 0;
    for (std::size_t k = 0; k < mass.size(); ++k) {
      below += mass[k];
      const auto step = static_cast<std::uint64_t>(below / sum * 0x1p32 + 0.5);
      if (row.lowest < 0) {
        if (step == 0) continue;  // never drawn
        row.lowest = static_cast<int>(k);
      }
      above_.push_back(step);
      if (step >> 32 != 0) break;  // nothing is drawn beyond
    }
    above_.back() = std::uint64_t{1} << 32;  // ends the search
    most_ = std::max(most_, row.lowest + static_cast<int>(above_.size() - row.first) - 1);
    std::size_t k = row.first;
    for (std::uint64_t slot = 0; slot < slots_[value].size(); ++slot) {
      while (above_[k] <= slot << shift) ++k;
      const std::uint64_t last = (slot << shift) + ((1u << shift) - 1);
      std::size_t next = k;
      while (above_[next] <= last) ++next;
      slots_[value][slot] = {static_cast<std::uint32_t>(next == k ? last : above_[k] - 1),
                             static_cast<std::uint16_t>(static_cast<std::size_t>(row.lowest) + k - row.first),
                             static_cast<std::uint16_t>(next - k)};
    }
  }
}

}  // namespace automask::corruptions
