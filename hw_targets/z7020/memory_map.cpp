#include "hw_targets/z7020/memory_map.h"

#include <algorithm>

namespace automask {
namespace z7020 {
namespace {

struct Storage {
  int begin = -1, end = -1;  // layers that first and last use it
  std::uint32_t words = 0, address = 0;
};

}  // namespace

MemoryMap map_memory(const Lowered& lowered) {
  MemoryMap result;
  const std::size_t maps = lowered.maps.size();
  result.address.assign(maps, 0);
  std::vector<Storage> storages(maps);
  for (std::size_t m = 0; m < maps; ++m) {
    const Map& map = lowered.maps[m];
    result.storage.push_back(map.storage < 0 ? static_cast<int>(m) : map.storage);
    result.first_plane.push_back(map.first_plane);
    Storage& storage = storages[static_cast<std::size_t>(result.storage.back())];
    storage.words =
        std::max(storage.words, static_cast<std::uint32_t>(map.first_plane + map.planes()) * map.plane_words());
  }
  const auto used = [&](int map, int layer) {
    if (map == 0 && lowered.picture_input) return;
    Storage& storage = storages[static_cast<std::size_t>(result.storage[static_cast<std::size_t>(map)])];
    if (storage.begin < 0) storage.begin = layer;
    storage.end = layer;
  };
  for (std::size_t l = 0; l < lowered.layers.size(); ++l) {
    const Layer& layer = lowered.layers[l];
    for (const int in : layer.inputs) used(in, static_cast<int>(l));
    if (layer.residual >= 0) used(layer.residual, static_cast<int>(l));
    used(layer.output, static_cast<int>(l));
  }
  used(lowered.output, static_cast<int>(lowered.layers.size()));
  // First fit, in the order of their beginnings.
  std::vector<std::size_t> order, placed;
  for (std::size_t s = 0; s < maps; ++s)
    if (storages[s].begin >= 0) order.push_back(s);
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return storages[a].begin != storages[b].begin ? storages[a].begin < storages[b].begin : a < b;
  });
  for (const std::size_t s : order) {
    std::vector<std::size_t> beside;
    for (const std::size_t other : placed)
      if (storages[other].end >= storages[s].begin) beside.push_back(other);
    std::sort(beside.begin(), beside.end(),
              [&](std::size_t a, std::size_t b) { return storages[a].address < storages[b].address; });
    std::uint32_t at = 0;
    for (const std::size_t other : beside) {
      if (at + storages[s].words <= storages[other].address) break;
      at = std::max(at, (storages[other].address + storages[other].words + 15U) / 16U * 16U);
    }
    storages[s].address = at;
    placed.push_back(s);
    result.words = std::max(result.words, at + storages[s].words);
  }
  for (std::size_t m = 0; m < maps; ++m)
    result.address[m] = storages[static_cast<std::size_t>(result.storage[m])].address +
                        static_cast<std::uint32_t>(lowered.maps[m].first_plane) * lowered.maps[m].plane_words();
  return result;
}

}  // namespace z7020
}  // namespace automask
