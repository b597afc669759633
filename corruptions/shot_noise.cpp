// Poisson(x c) / c: each value is a count of photons, c of which make white.
#include "corruptions/operators.h"
#include "corruptions/poisson.h"

namespace automask::corruptions {
namespace {

constexpr Severities<int> photons = {60, 25, 12, 5, 3};

std::array<double, 256> means(int white) {
  std::array<double, 256> result;
  for (std::size_t value = 0; value < result.size(); ++value)
    result[value] = static_cast<double>(white) * static_cast<double>(value) / 255;
  return result;
}

const PoissonTable& table(int level) {
  static const Severities<PoissonTable> tables = {PoissonTable(means(photons[0])), PoissonTable(means(photons[1])),
                                                  PoissonTable(means(photons[2])), PoissonTable(means(photons[3])),
                                                  PoissonTable(means(photons[4]))};
  return at_severity(tables, level);
}

void count_photons(const PoissonTable& poisson, const std::uint8_t* bytes, const std::uint8_t* in,
                   std::span<const std::uint32_t> words, std::uint8_t* __restrict out) {
  for (std::size_t i = 0; i < words.size(); ++i) out[i] = bytes[poisson.draw(in[i], words[i])];
}

cv::Mat apply_noise(const cv::Mat& picture, LinkContext& context) {
  const PoissonTable& poisson = table(context.level);
  const int white = at_severity(photons, context.level);
  std::array<std::uint8_t, 256> bytes;  // of each count
  for (int count = 0; count <= poisson.most(); ++count)
    bytes.at(static_cast<std::size_t>(count)) = to_byte(255.0 * count / white, context.settings.edition);
  cv::Mat result = same_shape(picture);
  const auto in = values(picture);
  const auto out = values(result);
  for_words(context.random, in.size(), [&](std::size_t first, std::span<const std::uint32_t> words) {
    count_photons(poisson, bytes.data(), &in[first], words, &out[first]);
  });
  return result;
}

core::Json parameters(int level, Edition) { return {{"photons", at_severity(photons, level)}}; }

}  // namespace

constinit const Operator shot_noise{"shot_noise", apply_noise, parameters};

}  // namespace automask::corruptions
