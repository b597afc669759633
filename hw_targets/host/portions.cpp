#include "hw_targets/host/portions.h"

#include <algorithm>

namespace automask::host {

std::vector<Portion> portions_of(std::size_t condition, std::size_t pictures, std::size_t picture_bytes,
                                 std::size_t most_bytes) {
  const std::size_t most = std::max<std::size_t>(most_bytes / picture_bytes, 1);
  const std::size_t parts = std::max<std::size_t>((pictures + most - 1) / most, 1);
  std::vector<Portion> portions;
  for (std::size_t i = 0; i < parts; ++i) {
    const std::size_t first = i * pictures / parts;
    portions.push_back({condition, first, (i + 1) * pictures / parts - first});
  }
  return portions;
}

std::vector<std::vector<Portion>> groups_of(const std::vector<std::size_t>& pictures,
                                            const std::vector<std::size_t>& order, std::size_t picture_bytes,
                                            std::size_t most_bytes) {
  std::vector<std::vector<Portion>> groups;
  std::size_t held = 0;
  for (const std::size_t i : order)
    for (const Portion& portion : portions_of(i, pictures[i], picture_bytes, most_bytes)) {
      const std::size_t bytes = portion.count * picture_bytes;
      if (groups.empty() || held + bytes > most_bytes) {
        groups.emplace_back();
        held = 0;
      }
      groups.back().push_back(portion);
      held += bytes;
    }
  return groups;
}

void append(CellResult& all, CellResult next) {
  if (all.blocks == 0) {
    all = std::move(next);
    return;
  }
  const auto behind = [](auto& values, const auto& more) { values.insert(values.end(), more.begin(), more.end()); };
  behind(all.outputs, next.outputs);
  behind(all.conditions, next.conditions);
  behind(all.latencies_ms, next.latencies_ms);
  behind(all.block_mj, next.block_mj);
  all.wall_seconds += next.wall_seconds;
  all.blocks += next.blocks;
}

}  // namespace automask::host
