// Few photons: the picture in linear light (sRGB, IEC 61966-2-1), a fraction of the exposure, photons counted with shot
// noise, the amplifier's read noise, half of the lost stops regained by gain, and sRGB again. The noise is the
// Poisson-Gaussian model of A. Foi, M. Trimeche, V. Katkovnik, K. Egiazarian, "Practical Poissonian-Gaussian Noise
// Modeling and Fitting for Single-Image Raw-Data", IEEE Trans. Image Processing 17(10), 2008.
//
// Not one of ImageNet-C: severities, electrons and read noise are chosen here, for a small sensor, and the same in
// every edition.
#include <cmath>

#include "core/vector_clones.h"
#include "corruptions/operators.h"
#include "corruptions/poisson.h"
#include "corruptions/portable_math.h"
#include "corruptions/random.h"

namespace automask::corruptions {
namespace {

constexpr Severities<double> exposure = {1. / 2, 1. / 4, 1. / 8, 1. / 16, 1. / 32};
constexpr double white_electrons = 1000;  // of white at full exposure
constexpr double read_noise = 3;          // electrons, standard deviation

double linear_of(double encoded) {
  return encoded <= 0.04045 ? encoded / 12.92 : power((encoded + 0.055) / 1.055, 2.4);
}
double encoded_of(double linear) {
  return linear <= 0.0031308 ? linear * 12.92 : 1.055 * power(linear, 1 / 2.4) - 0.055;
}

// Levels per electron; tables hold four entries an electron.
constexpr int parts = 4;

struct Camera {
  PoissonTable electrons;
  std::vector<std::uint8_t> bytes;  // of electrons in steps of 1 / parts, from 0

  explicit Camera(double e) : electrons(means(e)) {
    // Regained stops: gain 1 / sqrt(exposure) of the 1 / exposure that would make up for it.
    const double levels = 1 / (white_electrons * std::sqrt(e));
    for (int i = 0; bytes.empty() || bytes.back() < 255; ++i)
      bytes.push_back(to_byte(255 * encoded_of(levels * i / parts)));
  }
  static std::array<double, 256> means(double e) {
    std::array<double, 256> result;
    for (std::size_t v = 0; v < result.size(); ++v)
      result[v] = white_electrons * e * linear_of(static_cast<double>(v) / 255);
    return result;
  }
};

const Camera& camera(int level) {
  static const Severities<Camera> cameras = {Camera(exposure[0]), Camera(exposure[1]), Camera(exposure[2]),
                                             Camera(exposure[3]), Camera(exposure[4])};
  return at_severity(cameras, level);
}

cv::Mat apply_night(const cv::Mat& picture, LinkContext& context) {
  const Camera& c = camera(context.level);
  cv::Mat result = same_shape(picture);
  const auto in = values(picture);
  const auto out = values(result);
  std::array<float, 512> read;
  std::array<std::uint32_t, 512> words;
  for (std::size_t done = 0; done < in.size(); done += words.size()) {
    const std::size_t some = std::min(words.size(), in.size() - done);
    context.random.fill({words.data(), some});
    fill_normal(context.random, {read.data(), some});
    for (std::size_t i = 0; i < some; ++i) {
      const auto counted = static_cast<float>(c.electrons.draw(in[done + i], words[i]));
      const float measured = (counted + static_cast<float>(read_noise) * read[i]) * parts + 0.5F;
      const auto entry = static_cast<std::size_t>(std::max(measured, 0.0F));
      out[done + i] = c.bytes[std::min(entry, c.bytes.size() - 1)];
    }
  }
  return result;
}

core::Json parameters(int level, Edition) {
  return {{"exposure", at_severity(exposure, level)},
          {"white_electrons", white_electrons},
          {"read_noise_electrons", read_noise}};
}

}  // namespace

constinit const Operator low_light{"low_light", apply_night, parameters};

}  // namespace automask::corruptions
