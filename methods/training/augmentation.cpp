#include "methods/training/augmentation.h"

#include <algorithm>
#include <string>

#include "core/hash.h"
#include "core/philox.h"

namespace automask::methods {
namespace {

// Counted on beyond the edge, without the edge itself: -1 is 1, `size` is `size` - 2.
int mirrored(int at, int size) {
  if (at < 0) at = -at;
  return at < size ? at : 2 * size - 2 - at;
}

}  // namespace

std::vector<std::uint8_t> augmented(const datasets::PictureSet& set, std::uint32_t picture,
                                    const Augmentation& augmentation, std::uint64_t seed, std::uint32_t view) {
  std::vector<std::uint8_t> memory;
  const auto from = set.picture(picture, memory);
  std::vector<std::uint8_t> to(from.size());
  const std::string key = "augmentation " + std::to_string(set.ids[picture]) + " " + std::to_string(view);
  core::RandomStream random(seed, core::hash64(key));
  const bool flip = random.uniform() < augmentation.flip;
  // A picture of one pixel has nothing to be moved to.
  const auto moved = [&](int size) {
    const int most = std::min(augmentation.crop, size - 1);
    return static_cast<int>(random.below(static_cast<std::uint32_t>(2 * most + 1))) - most;
  };
  const int down = moved(set.height), right = moved(set.width), channels = set.channels;
  for (int y = 0; y < set.height; ++y)
    for (int x = 0; x < set.width; ++x) {
      const int column = mirrored(x + right, set.width);
      const std::size_t source =
          (static_cast<std::size_t>(mirrored(y + down, set.height)) * static_cast<std::size_t>(set.width) +
           static_cast<std::size_t>(flip ? set.width - 1 - column : column)) *
          static_cast<std::size_t>(channels);
      std::copy_n(from.begin() + static_cast<std::ptrdiff_t>(source), channels,
                  to.begin() + (static_cast<std::ptrdiff_t>(y) * set.width + x) * channels);
    }
  return to;
}

}  // namespace automask::methods
