// Adds to the HSV value, hue and saturation kept. With both kept, RGB scales as the value does, so no conversion is
// needed; black has no hue and becomes gray.
#include <algorithm>
#include <memory>

#include "corruptions/operators.h"

namespace automask::corruptions {
namespace {

constexpr Severities<double> offset = {.1, .2, .3, .4, .5};

// What a channel becomes, by the pixel's value and the channel.
using Raised = std::array<std::array<std::uint8_t, 256>, 256>;
std::unique_ptr<const Raised> raised_by(double share, Edition edition) {
  auto table = std::make_unique<Raised>();
  for (std::size_t value = 0; value < 256; ++value) {
    const double raised = std::min(255.0, static_cast<double>(value) + 255 * share);
    for (std::size_t x = 0; x <= value; ++x)
      (*table)[value][x] =
          to_byte(value == 0 ? raised : static_cast<double>(x) * raised / static_cast<double>(value), edition);
  }
  return table;
}

const Raised& table(int level, Edition edition) {
  static const auto all = [] {
    std::array<Severities<std::unique_ptr<const Raised>>, 2> tables;  // rounded, truncated
    for (std::size_t i = 0; i < offset.size(); ++i) {
      tables[0][i] = raised_by(offset[i], Edition::fixed);
      tables[1][i] = raised_by(offset[i], Edition::compat);
    }
    return tables;
  }();
  return *at_severity(all[edition == Edition::fixed ? 0 : 1], level);
}

cv::Mat apply_offset(const cv::Mat& picture, LinkContext& context) {
  cv::Mat result = same_shape(picture);
  const auto in = values(picture);
  const auto out = values(result);
  const Edition edition = context.settings.edition;
  if (picture.channels() == 1) {
    const double raise = 255 * at_severity(offset, context.level);
    for (std::size_t i = 0; i < in.size(); ++i) out[i] = to_byte(std::min(255.0, in[i] + raise), edition);
    return result;
  }
  const Raised& raised = table(context.level, edition);
  for (std::size_t i = 0; i < in.size(); i += 3) {
    const auto& row = raised[std::max({in[i], in[i + 1], in[i + 2]})];
    out[i] = row[in[i]];
    out[i + 1] = row[in[i + 1]];
    out[i + 2] = row[in[i + 2]];
  }
  return result;
}

core::Json parameters(int level, Edition) { return {{"offset", at_severity(offset, level)}}; }

}  // namespace

constinit const Operator brightness{"brightness", apply_offset, parameters};

}  // namespace automask::corruptions
