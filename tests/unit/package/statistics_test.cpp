// The statistics against their definition in docs/package.md, section 11, written slowly: pairs and pixels one by one.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>

#include "hw_targets/package/estimator.h"

namespace automask {
namespace {

using graph::Shape;
using Picture = std::vector<std::uint8_t>;

double log_of(double v) {
  const double p = std::floor(std::log2(v + 1));
  return 256 * p + std::floor(256 * (v + 1 - std::pow(2, p)) / std::pow(2, p));
}

struct Mean {
  double sum = 0, count = 0;
  void add(double value) {
    sum += value;
    ++count;
  }
  double operator()(double scale = 256) const { return count == 0 ? 0 : std::floor(scale * sum / count); }
};

std::vector<std::int32_t> slowly(const Picture& picture, const Shape& shape) {
  const int w = shape.width;
  Mean level, square, dark, bright, steps[3], along, down, edge, other, noise, impulse, flat, ripple, shade, saturation,
      tint;
  const int every = static_cast<int>(std::ceil(double(shape.height) * w / 16384));
  for (int top = 0; top < shape.height; top += every == 1 ? shape.height : 16 * every) {
    const int rows = every == 1 ? shape.height : std::min(16, shape.height - top), n = rows * w;
    const auto channel = [&](int i, int c) {
      return double(picture[static_cast<std::size_t>((top * w + i) * shape.channels + c)]);
    };
    const auto y = [&](int i) {
      return shape.channels == 1
                 ? channel(i, 0)
                 : std::floor((77 * channel(i, 0) + 150 * channel(i, 1) + 29 * channel(i, 2) + 128) / 256);
    };
    for (int i = 0; i < n; ++i) {
      level.add(y(i));
      square.add(y(i) * y(i));
      dark.add(y(i) < 8);
      bright.add(y(i) >= 248);
      for (int d = 0; d < 3; ++d)
        for (const int to : {i + (1 << d), i + (1 << d) * w}) {
          if (to >= n) continue;
          steps[d].add(std::fabs(y(i) - y(to)));
        }
      if (i + 1 < n) {
        const double step = std::fabs(y(i) - y(i + 1));
        along.add(step);
        flat.add(step == 0);
        ripple.add(step >= 1 && step <= 3);
        if (std::min(y(i), y(i + 1)) < 32) shade.add(step);
        (i % w % 8 == 7 && i % w + 1 < w ? edge : other).add(step);
      }
      if (i + w < n) {
        const double step = std::fabs(y(i) - y(i + w));
        down.add(step);
        (i / w % 8 == 7 ? edge : other).add(step);
      }
      if (rows >= 3 && w >= 3 && i >= w + 1 && i <= n - w - 2) {
        const std::vector<double> sides = {y(i - 1), y(i + 1), y(i - w), y(i + w)};
        const double corners = y(i - w - 1) + y(i - w + 1) + y(i + w - 1) + y(i + w + 1);
        noise.add(std::fabs(corners - 2 * (sides[0] + sides[1] + sides[2] + sides[3]) + 4 * y(i)));
        impulse.add(y(i) >= *std::max_element(sides.begin(), sides.end()) + 32 ||
                    y(i) <= *std::min_element(sides.begin(), sides.end()) - 32);
      }
      if (shape.channels == 3 && i / w % 2 == 0 && i % w % 4 == 0 && i % w + 1 < w) {
        const auto [least, most] = std::minmax({channel(i, 0), channel(i, 1), channel(i, 2)});
        saturation.add(most - least);
        tint.add(std::fabs(channel(i, 0) - channel(i, 2) - (channel(i + 1, 0) - channel(i + 1, 2))));
      }
    }
  }
  const double m = level(16);
  const std::vector<double> values = {m,
                                      std::floor(log_of(square() - m * m) / 2),
                                      dark(4096),
                                      log_of(bright(65535)),
                                      log_of(steps[0]()),
                                      log_of(steps[1]()),
                                      log_of(steps[2]()),
                                      log_of(along()) - log_of(down()),
                                      log_of(edge()) - log_of(other()),
                                      log_of(noise(32)),
                                      log_of(impulse(65535)),
                                      flat(4096),
                                      ripple(4096),
                                      log_of(shade()),
                                      log_of(saturation()),
                                      log_of(tint(128))};
  return {values.begin(), values.end()};
}

// Noise on a gradient: smooth and rough, dark and bright places.
Picture draw(const Shape& shape, int roughness, std::mt19937& random) {
  Picture picture;
  for (int y = 0; y < shape.height; ++y)
    for (int x = 0; x < shape.width; ++x)
      for (int c = 0; c < shape.channels; ++c) {
        const int smooth = 3 * x - 2 * y + 60 * c + static_cast<int>(random() % 5);
        const int noise = roughness == 0 ? 0 : static_cast<int>(random() % (2 * roughness)) - roughness;
        picture.push_back(static_cast<std::uint8_t>(std::clamp(smooth + noise, 0, 255)));
      }
  return picture;
}

TEST(Statistics, AreTheirDefinition) {
  std::mt19937 random(1);
  for (const int channels : {1, 3})
    for (const auto& [height, width] : std::vector<std::pair<int, int>>{{1, 1},
                                                                        {1, 2},
                                                                        {2, 1},
                                                                        {1, 40},
                                                                        {40, 1},
                                                                        {2, 2},
                                                                        {3, 3},
                                                                        {5, 9},
                                                                        {17, 8},
                                                                        {28, 28},
                                                                        {33, 31},
                                                                        {128, 128},
                                                                        {128, 129},
                                                                        {3, 6000},
                                                                        {210, 199}})
      for (const int roughness : {0, 40, 300}) {
        const Shape shape{channels, height, width};
        const Picture picture = draw(shape, roughness, random);
        EXPECT_EQ(package::statistics(picture.data(), shape), slowly(picture, shape))
            << channels << " x " << height << " x " << width << ", " << roughness;
      }
}

TEST(Statistics, KeepTheirRange) {
  std::mt19937 random(2);
  for (const Shape shape : {Shape{1, 16, 16}, Shape{3, 20, 20}, Shape{3, 1, 1}, Shape{1, 9, 2}})
    for (int kind = 0; kind < 6; ++kind) {
      Picture picture(static_cast<std::size_t>(shape.channels * shape.height * shape.width));
      for (std::size_t i = 0; i < picture.size(); ++i) {
        const std::size_t x = i / static_cast<std::size_t>(shape.channels) % static_cast<std::size_t>(shape.width);
        const bool values[] = {false, true, random() % 2 == 0, x % 2 == 0, i % 3 == 0, x % 8 == 7};
        picture[i] = values[kind] ? 255 : 0;
      }
      for (const std::int32_t value : package::statistics(picture.data(), shape)) {
        EXPECT_GE(value, -4096) << kind;
        EXPECT_LE(value, 4096) << kind;
      }
    }
}

TEST(Statistics, RefuseOtherPictures) {
  const Picture picture(16);
  EXPECT_THROW(package::statistics(picture.data(), {2, 2, 2}), std::invalid_argument);
  EXPECT_THROW(package::statistics(picture.data(), {1, 0, 4}), std::invalid_argument);
}

TEST(Statistics, LogScale) {
  EXPECT_EQ(package::log_scale(0), 0);
  EXPECT_EQ(package::log_scale(1), 256);
  EXPECT_EQ(package::log_scale(2), 256 + 128);
  EXPECT_EQ(package::log_scale(65535), 16 * 256);
  EXPECT_EQ(package::log_scale(~std::uint64_t(0)), 64 * 256);
}

}  // namespace
}  // namespace automask
