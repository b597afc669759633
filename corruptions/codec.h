#pragma once
// What the codecs share: quality or budget, the record of the bytes, the words of a failure.
//
// A budget (`jpeg:4KiB`) is met by search: the best quality whose encoded picture has at most that many bytes, by
// bisection over the codec's levels, never above the budget. Sizes may dip where quality rises, so that a better level
// can exist that bisection doesn't visit. Where even the lowest quality needs more bytes, the picture is coded at the
// lowest quality and its bytes, which then exceed the budget, are recorded: one hard picture does not end a run, and
// encoded_bytes shows it.
#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "corruptions/operators.h"

namespace automask::corruptions {

// The levels of a codec by quality, in steps of 1 / scale; worst > best for rate factors. A budget is searched in these
// steps, so that codecs with coarse levels come near it, too.
struct Ladder {
  int worst, best;
  int scale = 1;
};

inline bool has_option(const LinkContext& context, std::string_view option) {
  return std::find(context.options.begin(), context.options.end(), option) != context.options.end();
}

// Error(steps_failed): "jpeg:q30: a picture of 70000 x 1 cannot be coded: ...".
[[noreturn]] void fail_to_code(std::string_view name, std::string_view prefix, const cv::Mat& picture,
                               const LinkContext& context, const std::string& cause);

// The bytes at the best step within `budget`; at the worst one where none is. `encode(step)` gives a span of bytes that
// holds until the next call.
template <class Encode>
std::vector<std::uint8_t> encode_within(std::int64_t budget, Ladder ladder, Encode&& encode) {
  std::vector<std::uint8_t> kept;
  const int direction = ladder.best > ladder.worst ? 1 : -1;
  int low = 0, high = std::abs(ladder.best - ladder.worst);  // steps up from the worst
  while (low <= high) {
    const int middle = low + (high - low) / 2;
    const std::span<const std::uint8_t> bytes = encode(ladder.worst + direction * middle);
    const bool fits = static_cast<std::int64_t>(bytes.size()) <= budget;
    // Bisection in which nothing fits ends at the worst level.
    if (fits || middle == 0) kept.assign(bytes.begin(), bytes.end());
    if (fits) {
      low = middle + 1;
    } else {
      high = middle - 1;
    }
  }
  return kept;
}

// `decode(span)` gives the picture back. Sets context.encoded_bytes.
template <class Encode, class Decode>
cv::Mat code_picture(LinkContext& context, Ladder ladder, Encode&& encode, Decode&& decode) {
  std::vector<std::uint8_t> kept;
  std::span<const std::uint8_t> bytes;
  if (context.max_bytes > 0) {
    kept = encode_within(context.max_bytes, ladder, encode);
    bytes = kept;
  } else {
    bytes = encode(context.level * ladder.scale);
  }
  if (context.encoded_bytes != nullptr) *context.encoded_bytes = static_cast<std::int64_t>(bytes.size());
  return decode(bytes);
}

// A gray picture for codecs that know only colour, and back: ITU-R 601-2 luma in 16 bits, exact where R = G = B.
cv::Mat rgb_of(const cv::Mat& picture);
cv::Mat gray_of(const cv::Mat& rgb);

}  // namespace automask::corruptions
