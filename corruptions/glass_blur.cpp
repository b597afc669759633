// Frosted glass: a Gaussian, pixels that change places with near ones, a Gaussian again.
//
// The generator walks backwards over rows and columns side - delta ... delta + 1 and moves by [-delta, delta), so
// borders stay and the light drifts; its swap of two views copies one pixel over the other. `fixed` visits every pixel,
// draws from [-delta, delta], takes the nearest pixel of the picture where that lies outside, and swaps.
#include <algorithm>
#include <cstring>

#include "corruptions/fields.h"
#include "corruptions/filters.h"
#include "corruptions/operators.h"

namespace automask::corruptions {
namespace {

using Size = std::size_t;

struct Glass {
  double sigma;
  int delta, rounds;
};
constexpr Severities<Glass> glasses = {Glass{.7, 1, 2}, Glass{.9, 2, 1}, Glass{1, 2, 3}, Glass{1.1, 3, 2},
                                       Glass{1.5, 4, 2}};

// First and last row or column that is visited; none if first < last.
struct Walk {
  int first, last;
  int number() const { return std::max(0, first - last + 1); }
};
Walk walk(int side, int delta, Edition edition) {
  return edition == Edition::fixed ? Walk{side - 1, 0} : Walk{side - delta, delta + 1};
}

// next() gives the offset of the next visit. A pixel moves as one word.
template <class Next>
void shuffle(std::vector<std::uint32_t>& pixels, int rows, int cols, const Glass& glass, Edition edition, Next&& next) {
  const Walk down = walk(rows, glass.delta, edition), across = walk(cols, glass.delta, edition);
  for (int round = 0; round < glass.rounds; ++round)
    for (int y = down.first; y >= down.last; --y)
      for (int x = across.first; x >= across.last; --x) {
        const cv::Point move = next();
        const auto at = [&](int row, int col) -> std::uint32_t& { return pixels[static_cast<Size>(row * cols + col)]; };
        if (edition == Edition::fixed) {
          std::swap(at(y, x), at(std::clamp(y + move.y, 0, rows - 1), std::clamp(x + move.x, 0, cols - 1)));
        } else {
          at(y, x) = at(y + move.y, x + move.x);
        }
      }
}

template <Size channels>
void pack(const std::uint8_t* values, std::vector<std::uint32_t>& pixels) {
  for (Size i = 0; i < pixels.size(); ++i) std::memcpy(&pixels[i], values + i * channels, channels);
}
template <Size channels>
void unpack(const std::vector<std::uint32_t>& pixels, std::uint8_t* values) {
  for (Size i = 0; i < pixels.size(); ++i) std::memcpy(values + i * channels, &pixels[i], channels);
}

template <class Next>
cv::Mat blur_with(const cv::Mat& picture, const Glass& glass, Edition edition, Next&& next) {
  const float bias = bias_of(edition);
  cv::Mat bytes = to_bytes(gaussian(picture, glass.sigma), bias);
  const bool gray = picture.channels() == 1;
  std::vector<std::uint32_t> pixels(picture.total());
  (gray ? pack<1> : pack<3>)(bytes.data, pixels);
  shuffle(pixels, picture.rows, picture.cols, glass, edition, next);
  (gray ? unpack<1> : unpack<3>)(pixels, bytes.data);
  return to_bytes(gaussian(bytes, glass.sigma), bias);
}

cv::Mat apply_blur(const cv::Mat& picture, LinkContext& context) {
  const Glass& glass = at_severity(glasses, context.level);
  const auto choices =
      static_cast<std::uint32_t>(2 * glass.delta + (context.settings.edition == Edition::fixed ? 1 : 0));
  std::array<std::uint32_t, 512> words;
  std::size_t used = words.size();
  // One word a visit: 16 bits for each direction, off by less than 2^-13 from equal chances.
  return blur_with(picture, glass, context.settings.edition, [&] {
    if (used == words.size()) {
      context.random.fill(words);
      used = 0;
    }
    const std::uint32_t word = words[used++];
    return cv::Point(static_cast<int>((word >> 16) * choices >> 16) - glass.delta,
                     static_cast<int>((word & 0xFFFF) * choices >> 16) - glass.delta);
  });
}

core::Json parameters(int level, Edition) {
  const Glass& glass = at_severity(glasses, level);
  return {{"sigma", glass.sigma}, {"delta", glass.delta}, {"rounds", glass.rounds}};
}

}  // namespace

cv::Mat glass_blur_of(const cv::Mat& picture, std::span<const float> field, int severity,
                      const OperatorSettings& settings) {
  const Glass& glass = at_severity(glasses, severity);
  const int visits = glass.rounds * walk(picture.rows, glass.delta, settings.edition).number() *
                     walk(picture.cols, glass.delta, settings.edition).number();
  expect_numbers(field, 2 * static_cast<std::size_t>(visits), "glass_blur");
  std::size_t used = 0;
  return blur_with(picture, glass, settings.edition, [&] {
    const cv::Point move(static_cast<int>(field[used]), static_cast<int>(field[used + 1]));
    used += 2;
    return move;
  });
}

constinit const Operator glass_blur{"glass_blur", apply_blur, parameters};

}  // namespace automask::corruptions
