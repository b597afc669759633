#pragma once
// Pictures made by formula, and operators called one at a time.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "core/philox.h"
#include "corruptions/corruption.h"
#include "datasets/picture_set.h"

namespace automask::testing {

// Smooth shapes with an edge, different per channel; `number` shifts them.
inline cv::Mat scene(int rows, int cols, int channels, int number = 0) {
  cv::Mat picture(rows, cols, CV_8UC(channels));
  for (int y = 0; y < rows; ++y)
    for (int x = 0; x < cols; ++x)
      for (int c = 0; c < channels; ++c) {
        const bool inside = std::hypot(x - cols / 2.0 - number % 5, y - rows / 2.0) < 0.3 * cols;
        const int ramp = (x * 5 + y * 3 * (c + 1) + 40 * c + 7 * number) % 160;
        picture.ptr(y)[x * channels + c] = static_cast<std::uint8_t>(inside ? 90 + ramp : ramp / 2);
      }
  return picture;
}

inline cv::Mat flat(int rows, int cols, int channels, int value) {
  return cv::Mat(rows, cols, CV_8UC(channels), cv::Scalar::all(value));
}

inline datasets::PictureSet scenes(int count, int size, int channels) {
  datasets::PictureSet set;
  set.height = set.width = size;
  set.channels = channels;
  set.classes = {"even", "odd"};
  for (int i = 0; i < count; ++i) {
    const cv::Mat picture = scene(size, size, channels, i);
    set.pixels.insert(set.pixels.end(), picture.data, picture.data + picture.total() * picture.elemSize());
    set.labels.push_back(i % 2);
    set.ids.push_back(1000 + static_cast<std::uint64_t>(i));
  }
  return set;
}

// One operator alone, with a stream of its own.
inline cv::Mat apply_operator(const std::string& name, const cv::Mat& picture, int level, std::uint64_t key = 1,
                              std::int64_t* encoded_bytes = nullptr, std::int64_t max_bytes = 0,
                              const std::vector<std::string>& options = {},
                              const corruptions::OperatorSettings& settings = corruptions::default_settings) {
  core::RandomStream random(key);
  corruptions::LinkContext context{level, random, encoded_bytes, max_bytes, options, settings};
  const auto& table = corruptions::operators();
  const auto found = std::find_if(table.begin(), table.end(), [&](const auto& op) { return op.name == name; });
  if (found == table.end()) throw std::runtime_error("no operator " + name);
  return found->apply(picture, context);
}

// An operator at a strength from 1 to 5: severities, and for codecs ever lower quality.
inline int level_at(const corruptions::OperatorInfo& info, int strength) {
  if (info.kind == corruptions::Kind::corruption) return strength;
  const bool rate_factor = info.prefix == "crf";
  const int step = (info.high - info.low) * strength / 6;
  return rate_factor ? info.low + step : info.high - step;
}
inline std::string link_at(const corruptions::OperatorInfo& info, int strength) {
  return corruptions::Link{info.name, level_at(info, strength), 0, {}}.canonical();
}

inline int difference(const cv::Mat& a, const cv::Mat& b) { return static_cast<int>(cv::norm(a, b, cv::NORM_INF)); }

}  // namespace automask::testing
