#pragma once
// The built-in operators, one a file, and what they share. They follow ImageNet-C (D. Hendrycks, T. Dietterich,
// "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations", ICLR 2019) with the severities of
// its published generator, github.com/hendrycks/robustness, ImageNet-C/create_c/make_imagenet_c.py (Apache-2.0), or of
// github.com/bethgelab/imagecorruptions (Apache-2.0): edition.h says which. Values are rounded to u8 in the `fixed`
// edition, truncated in the others; nothing is saved as JPEG unasked.
// Pixel values x of the generator lie in [0, 1]; here they are u8, so its offsets and sigmas are multiplied by 255.
#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "corruptions/corruption.h"

namespace automask::corruptions {

extern const Operator gaussian_noise, shot_noise, impulse_noise, speckle_noise;
extern const Operator defocus_blur, glass_blur, motion_blur, zoom_blur, gaussian_blur;
extern const Operator snow, frost, fog, brightness, spatter, low_light;
extern const Operator contrast, saturate, elastic_transform, pixelate, jpeg_compression;
extern const Operator jpeg, webp, jpeg2000, h264, h265;

// One parameter per severity 1 to 5.
template <class T>
using Severities = std::array<T, 5>;

template <class T>
const T& at_severity(const Severities<T>& table, int severity) {
  return table.at(static_cast<std::size_t>(severity - 1));
}

// Nearest u8, halves up, clipped.
template <class Real>
std::uint8_t to_byte(Real value) {
  if (!(value > Real(0))) return 0;
  return value >= Real(255) ? 255 : static_cast<std::uint8_t>(value + Real(0.5));
}

// What to add to a value before its fraction is cut off: `fixed` rounds.
inline float bias_of(Edition edition) { return edition == Edition::fixed ? 0.5F : 0.0F; }

// u8 as the edition has it.
template <class Real>
std::uint8_t to_byte(Real value, Edition edition) {
  if (edition == Edition::fixed) return to_byte(value);
  if (!(value > Real(0))) return 0;
  return value >= Real(255) ? 255 : static_cast<std::uint8_t>(value);
}

// All values of a continuous picture, channels interleaved.
inline std::span<const std::uint8_t> values(const cv::Mat& picture) {
  return {picture.data, picture.total() * picture.elemSize()};
}
inline std::span<std::uint8_t> values(cv::Mat& picture) { return {picture.data, picture.total() * picture.elemSize()}; }

// Calls body(first, words) for parts of [0, count), one word of the stream for each number.
template <class Body>
void for_words(core::RandomStream& random, std::size_t count, Body&& body) {
  std::array<std::uint32_t, 512> words;
  for (std::size_t done = 0; done < count; done += words.size()) {
    const std::span<std::uint32_t> some{words.data(), std::min(words.size(), count - done)};
    random.fill(some);
    body(done, std::span<const std::uint32_t>(some));
  }
}

inline cv::Mat same_shape(const cv::Mat& picture) { return cv::Mat(picture.rows, picture.cols, picture.type()); }

}  // namespace automask::corruptions
