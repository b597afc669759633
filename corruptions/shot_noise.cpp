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

cv::Mat apply_noise(const cv::Mat& picture, LinkContext& context) {
  const PoissonTable& poisson = table(context.level);
  const int white = at_severity(photons, context.level);
  std::array<std::uint8_t, 256> bytes;  // of each count
  for (int count = 0; count <= poisson.most(); ++count)
    bytes.at(static_cast<std::size_t>(count)) = to_byte(255.0 * count / white, context.settings.edition);
  cv::Mat result = same_shape(picture);
  const auto in = values(picture);
  const auto out = values(result);
  for_each_word(context.random, in.size(), [&](std::size_t i, std::uint32_t word) {
    out[i] = bytes[static_cast<std::size_t>(poisson.draw(in[i], word))];
  });
  return result;
}

core::Json parameters(int level, Edition) { return {{"photons", at_severity(photons, level)}}; }

}  // namespace

constinit const Operator shot_noise{"shot_noise", apply_noise, parameters};

}  // namespace automask::corruptions
