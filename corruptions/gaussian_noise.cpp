// x + N(0, sigma), independently per value: to_byte(v + 255 sigma z) with z the normal quantile of one random word.
//
// Since v is whole, rounding acts on the noise alone: what is added is the integer d nearest to 255 sigma z. It has
// few values, so the words at which it steps are tabulated; the quantile itself would take four times as long. Where
// values are truncated instead, d is the integer below.
#include <algorithm>

#include "core/normal.h"
#include "corruptions/fields.h"
#include "corruptions/operators.h"

namespace automask::corruptions {
namespace {

constexpr Severities<double> sigma = {.08, .12, .18, .26, .38};
constexpr int most = 255;  // a larger step ends at black or white all the same

class StepTable {
 public:
  StepTable(double scale, double bias) {
    const auto reaches = [&](std::uint64_t word, int d) {
      const double p = (static_cast<double>(word) + 0.5) * 0x1p-32;
      return scale * core::normal_quantile(p) + bias >= d;
    };
    // first_[i]: the lowest word whose noise is at least i - most, by bisection; it grows with i. What lies below the
    // lowest step is taken as that step.
    std::uint64_t low = 0;
    for (int d = -most; d <= most; ++d) {
      std::uint64_t high = std::uint64_t{1} << 32;
      while (low < high) {
        const std::uint64_t middle = (low + high) / 2;
        if (reaches(middle, d)) {
          high = middle;
        } else {
          low = middle + 1;
        }
      }
      first_.at(static_cast<std::size_t>(d + most)) = low;
    }
    first_.back() = std::uint64_t{1} << 32;  // ends the search
    std::size_t i = 0;
    for (std::uint64_t slot = 0; slot < slots_.size(); ++slot) {
      while (first_[i + 1] <= slot << shift) ++i;
      const std::uint64_t last = (slot << shift) + ((1u << shift) - 1);
      const auto rises = static_cast<std::uint16_t>(std::upper_bound(first_.begin(), first_.end(), last) -
                                                    first_.begin() - 1 - static_cast<std::ptrdiff_t>(i));
      slots_[slot] = {static_cast<std::uint32_t>(rises == 0 ? last : first_[i + 1] - 1), static_cast<std::int16_t>(i),
                      rises};
    }
  }

  int step(std::uint32_t word) const {
    const Slot& slot = slots_[word >> shift];
    if (slot.rises > 1) [[unlikely]] {
      auto i = static_cast<std::size_t>(slot.start);
      while (first_[i + 1] <= word) ++i;
      return static_cast<int>(i) - most;
    }
    return slot.start - most + (word > slot.last ? 1 : 0);
  }

 private:
  // Words with the same upper bits: the step of the first, the last word that has it, and how often it rises after.
  // But in the tails it is once at most, and no branch is needed.
  struct Slot {
    std::uint32_t last;
    std::int16_t start;
    std::uint16_t rises;
  };
  static constexpr int shift = 32 - 11;
  std::array<std::uint64_t, 2 * most + 2> first_;
  std::array<Slot, 1 << (32 - shift)> slots_;
};

template <bool rounded>
const StepTable& table_of(int level) {
  constexpr double bias = rounded ? 0.5 : 0;
  static const Severities<StepTable> tables = {StepTable(255 * sigma[0], bias), StepTable(255 * sigma[1], bias),
                                               StepTable(255 * sigma[2], bias), StepTable(255 * sigma[3], bias),
                                               StepTable(255 * sigma[4], bias)};
  return at_severity(tables, level);
}

const StepTable& table(int level, Edition edition) {
  return edition == Edition::fixed ? table_of<true>(level) : table_of<false>(level);
}

// By words alone: bytes may alias everything, and captured pointers would be read again for each.
void add_steps(const StepTable& noise, const std::uint8_t* in, std::span<const std::uint32_t> words,
               std::uint8_t* __restrict out) {
  for (std::size_t i = 0; i < words.size(); ++i)
    out[i] = static_cast<std::uint8_t>(std::clamp(in[i] + noise.step(words[i]), 0, 255));
}

cv::Mat apply_noise(const cv::Mat& picture, LinkContext& context) {
  const StepTable& noise = table(context.level, context.settings.edition);
  cv::Mat result = same_shape(picture);
  const auto in = values(picture);
  const auto out = values(result);
  for_words(context.random, in.size(), [&](std::size_t first, std::span<const std::uint32_t> words) {
    add_steps(noise, &in[first], words, &out[first]);
  });
  return result;
}

core::Json parameters(int level, Edition) { return {{"sigma", at_severity(sigma, level)}}; }

}  // namespace

cv::Mat gaussian_noise_of(const cv::Mat& picture, std::span<const float> field, int severity,
                          const OperatorSettings& settings) {
  const auto in = values(picture);
  expect_numbers(field, in.size(), "gaussian_noise");
  const double scale = 255 * at_severity(sigma, severity);
  cv::Mat result = same_shape(picture);
  const auto out = values(result);
  for (std::size_t i = 0; i < in.size(); ++i)
    out[i] = to_byte(in[i] + scale * static_cast<double>(field[i]), settings.edition);
  return result;
}

constinit const Operator gaussian_noise{"gaussian_noise", apply_noise, parameters};

}  // namespace automask::corruptions
