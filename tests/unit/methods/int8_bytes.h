#pragma once
// Bytes of the INT8 package that a checkpoint becomes: what a budget of bytes is of.
#include <cstdint>

#include "hw_targets/compiler/compile.h"
#include "hw_targets/compiler/quantise.h"
#include "hw_targets/package/package.h"
#include "models/checkpoint.h"

namespace automask::testing {

// Ranges are the checkpoint's; where it has none, those of a picture of noise, which take as many bytes as any.
inline std::int64_t int8_bytes(const models::Checkpoint& checkpoint) {
  compiler::QuantisationOptions options;
  options.ranges = checkpoint.ranges;
  const package::Package package = compiler::compile(checkpoint);
  std::vector<compiler::CalibrationPictures> pictures(checkpoint.ranges.empty() ? package.conditions.size() : 0);
  const graph::Shape& input = package.graph.input;
  for (auto& picture : pictures) {
    picture.count = 1;
    for (int i = 0; i < input.channels * input.height * input.width; ++i)
      picture.pixels.push_back(static_cast<std::uint8_t>(i * 37));
  }
  return static_cast<std::int64_t>(package::encode(compiler::quantise(package, pictures, options)).size());
}

}  // namespace automask::testing
