#pragma once
// The operator interface: start here. One operator a file; corruption.cpp holds the table of them all.
#include <cstdint>
#include <opencv2/core.hpp>
#include <string_view>
#include <vector>

#include "core/philox.h"
#include "corruptions/condition.h"

namespace automask::corruptions {

// A picture on its way through a chain: CV_8UC1 or CV_8UC3 (RGB), any size from 1 x 1.
// `level` is the severity or quality, already range-checked. `random` is this link's own stream.
// `encoded_bytes`: codecs set it to the size of the encoded picture; others leave it alone.
struct LinkContext {
  int level;
  core::RandomStream& random;
  std::int64_t* encoded_bytes;
};
using Apply = cv::Mat (*)(const cv::Mat& picture, LinkContext& context);

struct Operator {
  std::string_view name;  // equals an OperatorInfo's name; a test holds both tables together
  Apply apply;
};
const std::vector<Operator>& operators();

// What, besides chain position, operator and level, keys a random stream (DESIGN: Philox by seed, split, image id, ...).
// view 0 is the written variant; training counts on from 1, so that each epoch sees fresh noise.
struct StreamContext {
  std::uint64_t seed = 0;
  std::string_view split;
  std::uint64_t picture_id = 0;
  std::uint32_t view = 0;
};

// Runs the chain. The result has the input's size and type and is a pure function of the arguments.
cv::Mat apply(const Condition& condition, const cv::Mat& picture, const StreamContext& context,
              std::int64_t* encoded_bytes = nullptr);

}  // namespace automask::corruptions
