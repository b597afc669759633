#pragma once
// The operator interface: start here. One operator a file; corruption.cpp holds the table of them all.
#include <cstdint>
#include <opencv2/core.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/philox.h"
#include "corruptions/condition.h"
#include "corruptions/edition.h"

namespace automask::corruptions {

// A picture on its way through a chain: CV_8UC1 or CV_8UC3 (RGB), continuous, any size from 1 x 1.
// `level` is the severity or quality, already range-checked. `random` is this link's own stream.
// `encoded_bytes`: codecs set it to the size of the encoded picture; others leave it alone.
// `max_bytes`, `options`: of codecs, as in Link; `level` counts only where `max_bytes` is 0.
struct LinkContext {
  int level;
  core::RandomStream& random;
  std::int64_t* encoded_bytes;
  std::int64_t max_bytes = 0;
  std::span<const std::string> options = {};
  const OperatorSettings& settings = default_settings;
};
using Apply = cv::Mat (*)(const cv::Mat& picture, LinkContext& context);

struct Operator {
  std::string_view name;  // equals an OperatorInfo's name; a test holds both tables together
  Apply apply;
  core::Json (*parameters)(int level, Edition edition);  // what the level stands for, for the index of variants
  std::string (*library)() = nullptr;                    // of codecs: the library that encodes, with its version
};
const std::vector<Operator>& operators();

// What a link stands for, for the index of written variants: the operator's parameters, and of codecs the budget in
// place of the quality, every option, chosen or by default, and the library.
core::Json parameters(const Link& link, Edition edition = Edition::fixed);
// The same of a whole chain: [{"operator", "level" (not under a budget), "parameters"}, ...].
core::Json parameters(const Condition& condition, Edition edition);

// What, besides chain position, operator and level, determines a random stream. The key is a hash of (seed, split,
// picture id, position in the chain, operator name, level); the view is the upper half of the Philox counter.
// view 0 is the written variant; training counts on from 1, so that each epoch sees fresh noise.
struct StreamContext {
  std::uint64_t seed = 0;
  std::string_view split;
  std::uint64_t picture_id = 0;
  std::uint32_t view = 0;
  const OperatorSettings& settings = default_settings;  // no part of the key
};

// Runs the chain. The result has the input's size and type and is a pure function of the arguments.
cv::Mat apply(const Condition& condition, const cv::Mat& picture, const StreamContext& context,
              std::int64_t* encoded_bytes = nullptr);

}  // namespace automask::corruptions
