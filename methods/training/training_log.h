#pragma once
// The figures of a training, for the record in the checkpoint and for a state that is resumed. No LibTorch here.
#include <cstdint>
#include <vector>

#include "core/json.h"

namespace automask::methods {

class TrainingLog {
 public:
  static constexpr std::int64_t points = 20;  // of each curve: means over equal stretches of the training

  explicit TrainingLog(std::int64_t steps) : steps_(steps), losses_(points) {}

  void loss(std::int64_t step, double value);
  // After a cut: the share of the dense MACs and the masks' mean overlap, means over sets and pairs.
  void cut(std::int64_t step, double share, double overlap);

  core::Json losses() const;  // the curve
  core::Json cuts() const { return cuts_; }

  core::Json state() const;
  void restore(const core::Json& state);

 private:
  struct Mean {
    double sum = 0;
    std::int64_t count = 0;
  };
  std::int64_t steps_;
  std::vector<Mean> losses_;
  core::Json cuts_ = core::Json::array();  // one per stretch at most, the last of all always
};

}  // namespace automask::methods
