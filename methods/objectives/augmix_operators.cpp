#include "methods/objectives/augmix_operators.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "corruptions/portable_math.h"

namespace automask::methods {
namespace {

using core::RandomStream;

// The strongest of an operator's magnitudes belongs to this level.
constexpr double highest_level = 10;

double share(double level, double most) { return level * most / highest_level; }
int whole_share(double level, int most) { return static_cast<int>(share(level, most)); }

double either_sign(double value, RandomStream& random) { return random.uniform() > 0.5 ? -value : value; }

using Table = std::array<std::uint8_t, 256>;

// Each value of a channel replaced by its table's.
template <typename TableOf>
Pixels by_table(const Pixels& picture, graph::Shape shape, TableOf table_of) {
  Pixels result(picture.size());
  const auto channels = static_cast<std::size_t>(shape.channels);
  for (std::size_t c = 0; c < channels; ++c) {
    std::array<int, 256> histogram{};
    for (std::size_t i = c; i < picture.size(); i += channels) ++histogram[picture[i]];
    const Table table = table_of(histogram);
    for (std::size_t i = c; i < picture.size(); i += channels) result[i] = table[picture[i]];
  }
  return result;
}

Table identity() {
  Table table;
  for (int v = 0; v < 256; ++v) table[static_cast<std::size_t>(v)] = static_cast<std::uint8_t>(v);
  return table;
}

// The values in use are spread over the whole range.
Pixels autocontrast(const Pixels& picture, graph::Shape shape, double, RandomStream&) {
  return by_table(picture, shape, [](const std::array<int, 256>& histogram) {
    int low = 0, high = 255;
    while (low < 255 && histogram[static_cast<std::size_t>(low)] == 0) ++low;
    while (high > 0 && histogram[static_cast<std::size_t>(high)] == 0) --high;
    Table table = identity();
    if (low >= high) return table;
    for (int v = 0; v < 256; ++v)
      table[static_cast<std::size_t>(v)] =
          static_cast<std::uint8_t>(std::clamp((v - low) * 255 / (high - low), 0, 255));
    return table;
  });
}

// Each value becomes its rank, so that ranks are spread evenly; the most frequent steps stay whole, as in PIL.
Pixels equalise(const Pixels& picture, graph::Shape shape, double, RandomStream&) {
  return by_table(picture, shape, [](const std::array<int, 256>& histogram) {
    int total = 0, last = 0;
    for (const int count : histogram) {
      total += count;
      if (count != 0) last = count;
    }
    Table table = identity();
    const int step = (total - last) / 255;
    if (step == 0) return table;
    int below = step / 2;
    for (std::size_t v = 0; v < 256; ++v) {
      table[v] = static_cast<std::uint8_t>(std::min(below / step, 255));
      below += histogram[v];
    }
    return table;
  });
}

// Only the highest bits stay: 4 less up to 4.
Pixels posterise(const Pixels& picture, graph::Shape shape, double level, RandomStream&) {
  const int bits = 4 - whole_share(level, 4);
  const auto kept = static_cast<std::uint8_t>(0xFF << (8 - bits));
  return by_table(picture, shape, [kept](const std::array<int, 256>&) {
    Table table = identity();
    for (std::uint8_t& v : table) v = static_cast<std::uint8_t>(v & kept);
    return table;
  });
}

// The brightest values are inverted.
Pixels solarise(const Pixels& picture, graph::Shape shape, double level, RandomStream&) {
  const int first = 256 - whole_share(level, 256);
  return by_table(picture, shape, [first](const std::array<int, 256>&) {
    Table table = identity();
    for (int v = first; v < 256; ++v) table[static_cast<std::size_t>(v)] = static_cast<std::uint8_t>(255 - v);
    return table;
  });
}

// Pixel centres (x, y) show what stands at (a x + b y + c, d x + e y + f), bilinearly.
struct Movement {
  double a = 1, b = 0, c = 0, d = 0, e = 1, f = 0;
};

Pixels moved(const Pixels& picture, graph::Shape shape, const Movement& m) {
  Pixels result(picture.size(), 0);
  const int height = shape.height, width = shape.width, channels = shape.channels;
  const auto at = [&](int x, int y, int c) -> double {
    x = std::clamp(x, 0, width - 1);
    y = std::clamp(y, 0, height - 1);
    return picture[(static_cast<std::size_t>(y) * width + x) * channels + c];
  };
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const double from_x = m.a * (x + 0.5) + m.b * (y + 0.5) + m.c, from_y = m.d * (x + 0.5) + m.e * (y + 0.5) + m.f;
      if (from_x < 0 || from_x >= width || from_y < 0 || from_y >= height) continue;
      const double left = std::floor(from_x - 0.5), top = std::floor(from_y - 0.5);
      const double right_share = from_x - 0.5 - left, bottom_share = from_y - 0.5 - top;
      const int x0 = static_cast<int>(left), y0 = static_cast<int>(top);
      for (int c = 0; c < channels; ++c) {
        const double upper = at(x0, y0, c) + (at(x0 + 1, y0, c) - at(x0, y0, c)) * right_share;
        const double lower = at(x0, y0 + 1, c) + (at(x0 + 1, y0 + 1, c) - at(x0, y0 + 1, c)) * right_share;
        result[(static_cast<std::size_t>(y) * width + x) * channels + c] =
            static_cast<std::uint8_t>(std::floor(upper + (lower - upper) * bottom_share + 0.5));
      }
    }
  return result;
}

Pixels rotate(const Pixels& picture, graph::Shape shape, double level, RandomStream& random) {
  const double turns = either_sign(whole_share(level, 30), random) / 360;
  const double cosine = corruptions::cosine(turns), sine = corruptions::sine(turns);
  const double x = shape.width / 2.0, y = shape.height / 2.0;  // the centre stays
  return moved(picture, shape, {cosine, -sine, x - cosine * x + sine * y, sine, cosine, y - sine * x - cosine * y});
}

Pixels shear_x(const Pixels& picture, graph::Shape shape, double level, RandomStream& random) {
  return moved(picture, shape, {1, either_sign(share(level, 0.3), random), 0, 0, 1, 0});
}

Pixels shear_y(const Pixels& picture, graph::Shape shape, double level, RandomStream& random) {
  return moved(picture, shape, {1, 0, 0, either_sign(share(level, 0.3), random), 1, 0});
}

Pixels translate_x(const Pixels& picture, graph::Shape shape, double level, RandomStream& random) {
  return moved(picture, shape, {1, 0, either_sign(whole_share(level, shape.width / 3), random), 0, 1, 0});
}

Pixels translate_y(const Pixels& picture, graph::Shape shape, double level, RandomStream& random) {
  return moved(picture, shape, {1, 0, 0, 0, 1, either_sign(whole_share(level, shape.height / 3), random)});
}

constexpr AugmixOperator table[] = {
    {"autocontrast", autocontrast}, {"equalise", equalise}, {"posterise", posterise}, {"rotate", rotate},
    {"solarise", solarise},         {"shear_x", shear_x},   {"shear_y", shear_y},     {"translate_x", translate_x},
    {"translate_y", translate_y},
};

}  // namespace

std::span<const AugmixOperator> augmix_operators() { return table; }

}  // namespace automask::methods
