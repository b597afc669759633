// What the estimator sees of a picture. Sums of whole numbers only, so any order of summation gives the same; the loops
// run over whole planes (behind a row's end comes the next row) and without branches, so that compilers vectorise them.
#include <algorithm>
#include <cstdlib>
#include <stdexcept>

#include "hw_targets/package/estimator.h"

namespace automask {
namespace package {
namespace {

using u8 = std::uint8_t;
using u64 = std::uint64_t;

constexpr int dark_limit = 8, bright_limit = 248;  // of 255
constexpr int shade_limit = 32;                    // pixels below lie in the shade
constexpr int ripple_limit = 4;                    // steps from 1 to 3 are ripple
constexpr int impulse_height = 32;
constexpr int block = 8;               // pixels along a block of JPEG and its kin
constexpr std::size_t stretch = 4096;  // pixels summed in 32 bits: 4096 * 255^2 < 2^32
// Pictures with more pixels are sampled: bands of rows, evenly spread, each a picture of its own.
constexpr std::size_t most_pixels = 1 << 14, band_rows = 16;

struct Sums {
  u64 pixels = 0, luma = 0, squares = 0, dark = 0, bright = 0;
  u64 along[3] = {}, alongs[3] = {};  // |differences| at distance 1, 2, 4 along rows, and how many there are
  u64 down[3] = {}, downs[3] = {};    // the same down columns
  u64 edge = 0, edges = 0;            // those of distance 1 that cross the grid of blocks
  u64 flat = 0, ripple = 0;           // of distance 1 along rows
  u64 shade_step = 0, shade_steps = 0;
  u64 noise = 0, impulses = 0, inner = 0;  // of pixels with eight neighbours
  u64 saturation = 0, tint_step = 0, tints = 0;
};

// By value, which compilers vectorise where they don't std::max of references.
inline u8 larger(u8 a, u8 b) { return a > b ? a : b; }
inline u8 smaller(u8 a, u8 b) { return a < b ? a : b; }

// part(begin, count) for pieces of [0, n).
template <class Part>
void by_stretches(std::size_t n, const Part& part) {
  for (std::size_t i = 0; i < n; i += stretch) part(i, std::min(stretch, n - i));
}

void add_levels(const u8* p, std::size_t n, Sums& sums) {
  std::uint32_t luma = 0, squares = 0, dark = 0, bright = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint32_t v = p[i];
    luma += v;
    squares += v * v;
    dark += v < dark_limit;
    bright += v >= bright_limit;
  }
  sums.luma += luma;
  sums.squares += squares;
  sums.dark += dark;
  sums.bright += bright;
}

u64 sum_of_steps(const u8* p, std::size_t distance, std::size_t n) {
  u64 total = 0;
  by_stretches(n, [&](std::size_t begin, std::size_t count) {
    const u8 *a = p + begin, *b = a + distance;
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < count; ++i) sum += static_cast<std::uint32_t>(std::abs(int(a[i]) - int(b[i])));
    total += sum;
  });
  return total;
}

// Steps to the next pixel, by size and place.
void add_fine_steps(const u8* p, std::size_t n, Sums& sums) {
  std::uint32_t flat = 0, ripple = 0, shade = 0, shade_step = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const u8 a = p[i], b = p[i + 1];
    const u8 step = static_cast<u8>(a > b ? a - b : b - a);
    const u8 shaded = static_cast<u8>(smaller(a, b) < shade_limit);
    flat += step == 0;
    ripple += static_cast<u8>(step - 1) < ripple_limit - 1;
    shade += shaded;
    shade_step += static_cast<u8>(step & static_cast<u8>(-shaded));
  }
  sums.flat += flat;
  sums.ripple += ripple;
  sums.shade_step += shade_step;
  sums.shade_steps += shade;
}

// |corners - 2 sides + 4 pixel|: Immerkaer, "Fast noise variance estimation", CVIU 64 (1996).
void add_noise(const u8* p, std::size_t width, std::size_t n, Sums& sums) {
  const u8 *above = p - width, *below = p + width;
  std::uint32_t noise = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const auto corners = static_cast<std::int16_t>(above[i - 1] + above[i + 1] + below[i - 1] + below[i + 1]);
    const auto sides = static_cast<std::int16_t>(above[i] + below[i] + p[i - 1] + p[i + 1]);
    const auto response = static_cast<std::int16_t>(corners - 2 * sides + 4 * p[i]);
    noise += static_cast<std::uint32_t>(std::abs(response));
  }
  sums.noise += noise;
}

// Pixels that stand out from all four beside them.
void add_impulses(const u8* p, std::size_t width, std::size_t n, Sums& sums) {
  const u8 *above = p - width, *below = p + width;
  std::uint32_t impulses = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const u8 most = larger(larger(above[i], below[i]), larger(p[i - 1], p[i + 1]));
    const u8 least = smaller(smaller(above[i], below[i]), smaller(p[i - 1], p[i + 1]));
    const u8 over = static_cast<u8>(larger(p[i], most) - most), under = static_cast<u8>(least - smaller(p[i], least));
    impulses += larger(over, under) >= impulse_height;
  }
  sums.impulses += impulses;
}

void add_edges(const u8* plane, std::size_t width, std::size_t height, Sums& sums) {
  for (std::size_t y = 0; y < height; ++y) {
    const u8* row = plane + y * width;
    for (std::size_t x = block - 1; x + 1 < width; x += block) {
      sums.edge += static_cast<u64>(std::abs(int(row[x]) - int(row[x + 1])));
      ++sums.edges;
    }
    if (y % block == block - 1 && y + 1 < height) {
      sums.edge += sum_of_steps(row, width, width);
      sums.edges += width;
    }
  }
}

void add_plane(const u8* p, std::size_t width, std::size_t height, Sums& sums) {
  const std::size_t pixels = width * height;
  by_stretches(pixels, [&](std::size_t i, std::size_t n) { add_levels(p + i, n, sums); });
  sums.pixels += pixels;
  for (int i = 0; i < 3; ++i) {
    const std::size_t distance = std::size_t(1) << i;
    if (pixels > distance) {
      sums.along[i] += sum_of_steps(p, distance, pixels - distance);
      sums.alongs[i] += pixels - distance;
    }
    if (height > distance) {
      sums.down[i] += sum_of_steps(p, distance * width, pixels - distance * width);
      sums.downs[i] += pixels - distance * width;
    }
  }
  by_stretches(pixels - 1, [&](std::size_t i, std::size_t n) { add_fine_steps(p + i, n, sums); });
  add_edges(p, width, height, sums);
  if (width < 3 || height < 3) return;
  const u8* first = p + width + 1;
  const std::size_t inner = pixels - 2 * width - 2;
  by_stretches(inner, [&](std::size_t i, std::size_t n) {
    add_noise(first + i, width, n, sums);
    add_impulses(first + i, width, n, sums);
  });
  sums.inner += inner;
}

// Colours vary slowly: every second row and fourth column tells enough.
void add_colours(const u8* picture, std::size_t width, std::size_t height, Sums& sums) {
  for (std::size_t y = 0; y < height; y += 2) {
    const u8* row = picture + 3 * y * width;
    for (std::size_t x = 0; x + 1 < width; x += 4) {
      const u8* p = row + 3 * x;
      sums.saturation += static_cast<u64>(std::max(p[0], std::max(p[1], p[2])) - std::min(p[0], std::min(p[1], p[2])));
      sums.tint_step += static_cast<u64>(std::abs(int(p[0]) - int(p[2]) - (int(p[3]) - int(p[5]))));
      ++sums.tints;
    }
  }
}

// The weights of ITU-R BT.601 in 256ths.
std::vector<u8> luma_of(const u8* picture, std::size_t pixels) {
  std::vector<u8> luma(pixels);
  for (std::size_t i = 0; i < pixels; ++i)
    luma[i] = static_cast<u8>((77 * picture[3 * i] + 150 * picture[3 * i + 1] + 29 * picture[3 * i + 2] + 128) >> 8);
  return luma;
}

// scale * sum / count, rounded down; 0 of nothing.
u64 mean(u64 sum, u64 count, u64 scale) { return count == 0 ? 0 : sum * scale / count; }
std::int32_t linear(u64 sum, u64 count, u64 scale) { return static_cast<std::int32_t>(mean(sum, count, scale)); }
std::int32_t logarithmic(u64 sum, u64 count, u64 scale = 256) { return log_scale(mean(sum, count, scale)); }

std::vector<std::int32_t> summary(const Sums& s) {
  const u64 level = mean(s.luma, s.pixels, 16);  // in sixteenths
  const u64 variance = mean(s.squares, s.pixels, 256) - level * level;
  const u64 fine = s.along[0] + s.down[0], fines = s.alongs[0] + s.downs[0];
  return {static_cast<std::int32_t>(level),
          log_scale(variance) / 2,
          linear(s.dark, s.pixels, 4096),
          logarithmic(s.bright, s.pixels, 65535),
          logarithmic(fine, fines),
          logarithmic(s.along[1] + s.down[1], s.alongs[1] + s.downs[1]),
          logarithmic(s.along[2] + s.down[2], s.alongs[2] + s.downs[2]),
          logarithmic(s.along[0], s.alongs[0]) - logarithmic(s.down[0], s.downs[0]),
          logarithmic(s.edge, s.edges) - logarithmic(fine - s.edge, fines - s.edges),
          logarithmic(s.noise, s.inner, 32),
          logarithmic(s.impulses, s.inner, 65535),
          linear(s.flat, s.alongs[0], 4096),
          linear(s.ripple, s.alongs[0], 4096),
          logarithmic(s.shade_step, s.shade_steps),
          logarithmic(s.saturation, s.tints),
          logarithmic(s.tint_step, s.tints, 128)};
}

}  // namespace

std::int32_t log_scale(std::uint64_t value) {
  const u64 v = value + 1;
  if (v == 0) return 64 * 256;
  int power = 0;
  while (power < 63 && (v >> (power + 1)) != 0) ++power;
  const u64 fraction = v - (u64(1) << power);  // of 2^power
  const u64 digits = power >= 8 ? fraction >> (power - 8) : fraction << (8 - power);
  return static_cast<std::int32_t>(256 * power + static_cast<int>(digits));
}

std::vector<std::int32_t> statistics(const std::uint8_t* picture, const graph::Shape& shape) {
  if ((shape.channels != 1 && shape.channels != 3) || shape.height < 1 || shape.width < 1)
    throw std::invalid_argument("statistics need a picture of 1 or 3 channels");
  const std::size_t width = static_cast<std::size_t>(shape.width), height = static_cast<std::size_t>(shape.height);
  const std::size_t every = (width * height + most_pixels - 1) / most_pixels;
  const std::size_t rows = every == 1 ? height : band_rows;
  Sums sums;
  for (std::size_t y = 0; y < height; y += rows * every) {
    const std::size_t there = std::min(rows, height - y);
    const u8* band = picture + y * width * static_cast<std::size_t>(shape.channels);
    if (shape.channels == 1) {
      add_plane(band, width, there, sums);
    } else {
      add_plane(luma_of(band, width * there).data(), width, there, sums);
      add_colours(band, width, there, sums);
    }
  }
  return summary(sums);
}

}  // namespace package
}  // namespace automask
